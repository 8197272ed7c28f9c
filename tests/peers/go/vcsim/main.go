// The simulator that clients of vSphere are usually tested with: TLS, one user, SOAP with storage
// policies and volumes, and what it has of the Automation API. Its inventory is empty, or with "inventory" as the third argument that of a
// small house.
// Takes the user's name and password; prints its address, and serves until its input ends.
package main

import (
	"crypto/tls"
	"fmt"
	"io"
	"log"
	"net/url"
	"os"

	_ "github.com/vmware/govmomi/cns/simulator"
	_ "github.com/vmware/govmomi/pbm/simulator"
	"github.com/vmware/govmomi/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
	_ "github.com/vmware/govmomi/vslm/simulator"
)

func main() {
	model := simulator.VPX()
	if len(os.Args) < 4 || os.Args[3] != "inventory" {
		model.Datacenter, model.Host, model.Cluster, model.Machine = 0, 0, 0, 0
	}
	if err := model.Create(); err != nil {
		log.Fatal(err)
	}
	model.Service.Listen = &url.URL{Host: "127.0.0.1:0", User: url.UserPassword(os.Args[1], os.Args[2])}
	model.Service.TLS = new(tls.Config)
	model.Service.RegisterEndpoints = true
	server := model.Service.NewServer()
	fmt.Println(server.URL.Host)
	_, _ = io.Copy(io.Discard, os.Stdin)
	server.Close()
}
