// What govmomi's helpers find on an empty vCenter: URL USER PASSWORD CA-FILE. Prints it as JSON.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/url"
	"os"

	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/performance"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/view"
)

var ctx = context.Background()

func said(value any, err error) any {
	if err != nil {
		return err.Error()
	}
	return value
}

func main() {
	address, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	transport := soap.NewClient(address, false)
	if err := transport.SetRootCAs(os.Args[4]); err != nil {
		log.Fatal(err)
	}
	client, err := vim25.NewClient(ctx, transport)
	if err != nil {
		log.Fatal(err)
	}
	manager := session.NewManager(client)
	if err := manager.Login(ctx, url.UserPassword(os.Args[2], os.Args[3])); err != nil {
		log.Fatal(err)
	}
	found := look(client)
	found["logout"] = said("ok", manager.Logout(ctx))
	if err := json.NewEncoder(os.Stdout).Encode(found); err != nil {
		log.Fatal(err)
	}
}

func look(client *vim25.Client) map[string]any {
	found := map[string]any{}
	root := client.ServiceContent.RootFolder
	finder := find.NewFinder(client)

	datacenters, err := finder.DatacenterList(ctx, "*")
	found["datacenters"] = said(datacenters, err)
	children, err := finder.ManagedObjectListChildren(ctx, "/...")
	found["children"] = said(len(children), err)
	path, err := find.InventoryPath(ctx, client, root)
	found["path of the root"] = said(path, err)
	kinds := []string{"VirtualMachine", "HostSystem", "Datastore"}
	found["machines, hosts and datastores"] = said(inView(client, root, kinds))

	counters := performance.NewManager(client)
	byName, err := counters.CounterInfoByName(ctx)
	found["counters"] = said(len(byName), err)
	metrics, err := counters.AvailableMetric(ctx, root, 20)
	found["metrics of the root"] = said(len(metrics), err)

	child, err := object.NewSearchIndex(client).FindChild(ctx, root, "x")
	found["child"] = said(child, err)
	roles, err := object.NewAuthorizationManager(client).RoleList(ctx)
	found["roles"] = said(len(roles), err)
	found["events"] = said(collected(client))
	return found
}

func inView(client *vim25.Client, root types.ManagedObjectReference, kinds []string) (int, error) {
	made, err := view.NewManager(client).CreateContainerView(ctx, root, kinds, true)
	if err != nil {
		return 0, err
	}
	var entities []mo.ManagedEntity
	if err := made.Retrieve(ctx, kinds, []string{"name"}, &entities); err != nil {
		return 0, err
	}
	return len(entities), made.Destroy(ctx)
}

// Whether a collector that was just made gives an event at once.
func collected(client *vim25.Client) (bool, error) {
	made, err := event.NewManager(client).CreateCollectorForEvents(ctx, types.EventFilterSpec{})
	if err != nil {
		return false, err
	}
	events, err := made.ReadNextEvents(ctx, 1)
	if err != nil {
		return false, err
	}
	return len(events) == 1, made.Destroy(ctx)
}
