// govmomi's simulator with the inventory of its vcsim command, over HTTP or HTTPS, on a free port.
// The command itself cannot be installed from a Go module proxy: its module points into its
// repository. Prints the address and serves until it is killed.
package main

import (
	"crypto/tls"
	"flag"
	"fmt"
	"log"
	"net/url"

	"github.com/vmware/govmomi/simulator"
)

func main() {
	secure := flag.Bool("tls", false, "serve HTTPS")
	flag.Parse()
	model := simulator.VPX()
	if err := model.Create(); err != nil {
		log.Fatal(err)
	}
	model.Service.Listen = &url.URL{Host: "127.0.0.1:0"}
	if *secure {
		model.Service.TLS = new(tls.Config)
	}
	server := model.Service.NewServer()
	fmt.Printf("GOVC_URL=%s\n", server.URL)
	select {}
}
