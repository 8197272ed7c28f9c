// telegraf's input for vSphere, started, asked for what it finds, and stopped:
// URL USER PASSWORD CA-FILE. Prints what came of it.
package main

import (
	"encoding/json"
	"log"
	"os"
	"sync"
	"time"

	"github.com/influxdata/telegraf"
	"github.com/influxdata/telegraf/config"
	"github.com/influxdata/telegraf/logger"
	"github.com/influxdata/telegraf/plugins/inputs"
	"github.com/influxdata/telegraf/plugins/inputs/vsphere"
)

// gathered counts metrics and keeps errors; what else telegraf could ask of it, the input does not.
type gathered struct {
	telegraf.Accumulator
	sync.Mutex
	metrics int
	errors  []string
}

func (g *gathered) AddFields(string, map[string]any, map[string]string, ...time.Time) {
	g.Lock()
	defer g.Unlock()
	g.metrics++
}

func (g *gathered) AddError(err error) {
	g.Lock()
	defer g.Unlock()
	g.errors = append(g.errors, err.Error())
}

// story is one life of the input as telegraf's agent calls it.
func story(password string) map[string]any {
	input := inputs.Inputs["vsphere"]().(*vsphere.VSphere)
	input.Vcenters = []string{os.Args[1]}
	input.Username = config.NewSecret([]byte(os.Args[2]))
	input.Password = config.NewSecret([]byte(password))
	input.TLSCA = os.Args[4]
	input.Log = logger.New("inputs", "vsphere", "")
	found := &gathered{}
	if err := input.Start(found); err != nil {
		return map[string]any{"start": err.Error()}
	}
	if err := input.Gather(found); err != nil {
		log.Fatal(err)
	}
	input.Stop()
	return map[string]any{"metrics": found.metrics, "errors": found.errors}
}

func main() {
	facts := map[string]any{"story": story(os.Args[3]), "stranger": story("wrong")}
	if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
		log.Fatal(err)
	}
}
