// Storage policies, asked for by govmomi's client as the Terraform provider does after its login:
// URL USER PASSWORD CA-FILE. Prints what came of it.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/url"
	"os"

	"github.com/vmware/govmomi/fault"
	"github.com/vmware/govmomi/pbm"
	"github.com/vmware/govmomi/pbm/methods"
	"github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	vim "github.com/vmware/govmomi/vim25/types"
)

var ctx = context.Background()

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case fault.Is(err, &vim.NotAuthenticated{}):
		return "NotAuthenticated"
	case fault.Is(err, &vim.NotSupported{}):
		return "NotSupported"
	}
	return err.Error()
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
	facts := map[string]any{}
	_, err = pbm.NewClient(ctx, client)
	facts["stranger"] = outcome(err)

	manager := session.NewManager(client)
	if err := manager.Login(ctx, url.UserPassword(os.Args[2], os.Args[3])); err != nil {
		log.Fatal(err)
	}
	policies, err := pbm.NewClient(ctx, client)
	if err != nil {
		log.Fatal(err)
	}
	facts["instance"] = policies.ServiceContent.AboutInfo.InstanceUuid == client.ServiceContent.About.InstanceUuid

	storage := types.PbmProfileResourceType{ResourceType: string(types.PbmProfileResourceTypeEnumSTORAGE)}
	ids, err := policies.QueryProfile(ctx, storage, string(types.PbmProfileCategoryEnumREQUIREMENT))
	facts["profiles"] = []any{len(ids), outcome(err)}
	fetch := types.PbmFetchResourceType{This: policies.ServiceContent.ProfileManager}
	kinds, err := methods.PbmFetchResourceType(ctx, policies, &fetch)
	if err != nil {
		log.Fatal(err)
	}
	facts["resource types"] = kinds.Returnval
	_, err = policies.ProfileIDByName(ctx, "gold")
	facts["a profile by its name"] = outcome(err)
	_, err = policies.CreateProfile(ctx, types.PbmCapabilityProfileCreateSpec{Name: "gold", ResourceType: storage})
	facts["a new profile"] = outcome(err)

	if err := manager.Logout(ctx); err != nil {
		log.Fatal(err)
	}
	_, err = policies.QueryProfile(ctx, storage, "")
	facts["after logout"] = outcome(err)
	if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
		log.Fatal(err)
	}
}
