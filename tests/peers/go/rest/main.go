// A session's life, told by govmomi's REST client: URL USER PASSWORD CA-FILE, with `-` for the CA file
// to trust anybody (a simulator). Prints what came of it.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"log"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/session/keepalive"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
)

var ctx = context.Background()

func outcome(err error) string {
	switch {
	case err == nil:
		return "ok"
	case rest.IsStatusError(err, http.StatusUnauthorized):
		return "401"
	case rest.IsStatusError(err, http.StatusNotFound):
		return "404"
	}
	return err.Error()
}

// who is the user of a client's session, as the server says.
func who(c *rest.Client) string {
	found, err := c.Session(ctx)
	if err != nil {
		return outcome(err)
	}
	if found == nil {
		return "nobody"
	}
	if age := time.Since(found.LastAccessed); age > time.Minute || age < -time.Minute {
		return found.LastAccessed.String()
	}
	return found.User
}

func connect(address *url.URL, ca string) *vim25.Client {
	transport := soap.NewClient(address, ca == "-")
	if ca != "-" {
		if err := transport.SetRootCAs(ca); err != nil {
			log.Fatal(err)
		}
	}
	vim, err := vim25.NewClient(ctx, transport)
	if err != nil {
		log.Fatal(err)
	}
	return vim
}

func main() {
	address, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	user, ca := url.UserPassword(os.Args[2], os.Args[3]), os.Args[4]
	facts := map[string]any{}

	c := rest.NewClient(connect(address, ca))
	facts["stranger"] = who(c)
	facts["wrong password"] = outcome(c.Login(ctx, url.UserPassword(os.Args[2], "wrong")))
	facts["no password"] = outcome(c.Login(ctx, url.User(os.Args[2])))
	facts["login"] = outcome(c.Login(ctx, user))
	facts["user"] = who(c)

	var raw bytes.Buffer
	ask, err := http.NewRequest(http.MethodGet, c.Resource("/api/session").String(), nil)
	if err != nil {
		log.Fatal(err)
	}
	facts["by the other face"] = outcome(c.Do(ctx, ask, &raw))
	var info struct{ User string }
	_ = json.Unmarshal(raw.Bytes(), &info) // where there was no reply there is no user
	facts["by the other face, user"] = info.User
	categories, err := tags.NewManager(c).GetCategories(ctx)
	facts["categories"] = len(categories)
	if err != nil {
		facts["categories"] = outcome(err)
	}
	ask = c.Resource("/com/vmware/content/library/item/update-session").Request(http.MethodGet)
	facts["a service that is not here"] = outcome(c.Do(ctx, ask, nil))

	// A session of SOAP, and one of REST, each used by the other client.
	vim := connect(address, ca)
	manager := session.NewManager(vim)
	facts["SOAP login"] = outcome(manager.Login(ctx, user))
	shared := rest.NewClient(connect(address, ca))
	for _, cookie := range vim.Jar.Cookies(vim.URL()) {
		if cookie.Name == soap.SessionCookieName {
			shared.SessionID(cookie.Value)
		}
	}
	facts["a SOAP session here"] = who(shared)
	facts["a SOAP session ended here"] = outcome(shared.Logout(ctx))
	current, err := manager.UserSession(ctx)
	facts["a SOAP session after that"] = outcome(err)
	facts["a SOAP session is gone"] = current == nil

	facts["logout"] = outcome(c.Logout(ctx))
	facts["after logout"] = who(c)
	facts["logout twice"] = outcome(c.Logout(ctx))
	facts["login again"] = outcome(c.Login(ctx, user))
	facts["logout again"] = outcome(c.Logout(ctx))

	// The handler starts to probe at a login and stops at a logout.
	kept := rest.NewClient(connect(address, ca))
	prober := rest.NewClient(connect(address, ca))
	probes := make(chan string)
	handler := keepalive.NewHandlerREST(kept, 10*time.Millisecond, func() error {
		probes <- who(prober)
		return nil
	})
	kept.Transport = handler
	if err := kept.Login(ctx, user); err != nil {
		log.Fatal(err)
	}
	prober.SessionID(kept.SessionID())
	facts["kept alive"] = []string{<-probes, <-probes}
	done := make(chan error)
	go func() { done <- kept.Logout(ctx) }()
	for ended := false; !ended; {
		select {
		case <-probes: // one that was on its way
		case err := <-done:
			facts["logout ends the probing"], ended = outcome(err), true
		}
	}

	if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
		log.Fatal(err)
	}
}
