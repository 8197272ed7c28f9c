// A session's life, told by govmomi: URL USER PASSWORD CA-FILE soap|json. Prints what came of it.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/url"
	"os"
	"reflect"
	"time"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

var ctx = context.Background()

type client struct {
	*vim25.Client
	*session.Manager
}

func connect(address *url.URL, ca string, form string) client {
	transport := soap.NewClient(address, false)
	if err := transport.SetRootCAs(ca); err != nil {
		log.Fatal(err)
	}
	transport.UseJSON(form == "json")
	vim, err := vim25.NewClient(ctx, transport)
	if err != nil {
		log.Fatal(err)
	}
	return client{vim, session.NewManager(vim)}
}

// outcome is the name of the fault that an error carries, or "ok".
func outcome(err error) string {
	if err == nil {
		return "ok"
	}
	if soap.IsSoapFault(err) {
		return reflect.TypeOf(soap.ToSoapFault(err).VimFault()).Name()
	}
	return err.Error()
}

// who is the user of a client's session, as the server says.
func (c client) who() string {
	current, err := c.UserSession(ctx)
	if err != nil {
		return outcome(err)
	}
	if current == nil {
		return "nobody"
	}
	return current.UserName
}

func (c client) time() string {
	now, err := methods.GetCurrentTime(ctx, c.Client)
	if err != nil {
		return outcome(err)
	}
	if age := time.Since(*now); age > time.Minute || age < -time.Minute {
		return now.String()
	}
	return "now"
}

func main() {
	address, err := url.Parse(os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	user, ca, form := url.UserPassword(os.Args[2], os.Args[3]), os.Args[4], os.Args[5]
	facts := map[string]any{}

	c := connect(address, ca, form)
	facts["is a vCenter"] = c.IsVC()
	facts["stranger"] = c.who()
	facts["stranger's time"] = c.time()
	facts["wrong password"] = outcome(c.Login(ctx, url.UserPassword(os.Args[2], "wrong")))
	facts["login"] = outcome(c.Login(ctx, user))
	facts["user"] = c.who()
	facts["time"] = c.time()
	facts["second login"] = outcome(c.Login(ctx, user))
	active, err := c.SessionIsActive(ctx)
	facts["active"], facts["active, fault"] = active, outcome(err)

	facts["set locale"] = outcome(c.SetLocale(ctx, "de"))
	facts["set unknown locale"] = outcome(c.SetLocale(ctx, "xx!!"))
	facts["set message"] = outcome(c.UpdateServiceMessage(ctx, "down at <5>"))
	var manager mo.SessionManager
	collector := property.DefaultCollector(c.Client)
	facts["retrieve"] = outcome(collector.RetrieveOne(ctx, c.Reference(), nil, &manager))
	facts["message"] = *manager.Message
	facts["default locale"] = manager.DefaultLocale
	facts["locale"] = manager.CurrentSession.Locale
	own := manager.CurrentSession.Key

	ticket, err := c.AcquireCloneTicket(ctx)
	facts["ticket"] = outcome(err)
	clone, late := connect(address, ca, form), connect(address, ca, form)
	facts["clone"] = outcome(clone.CloneSession(ctx, ticket))
	facts["clone's user"] = clone.who()
	facts["ticket used twice"] = outcome(late.CloneSession(ctx, ticket))
	copied, err := clone.UserSession(ctx)
	if err != nil {
		log.Fatal(err)
	}
	facts["terminate own"] = outcome(c.TerminateSession(ctx, []string{own}))
	facts["terminate unknown"] = outcome(c.TerminateSession(ctx, []string{"no-such-key"}))
	facts["terminate"] = outcome(c.TerminateSession(ctx, []string{copied.Key}))
	facts["terminated"] = clone.who()
	facts["terminated's time"] = clone.time()

	spec := &types.SessionManagerHttpServiceRequestSpec{Method: "httpGet", Url: "https://x/y?a=1&b=2"}
	_, err = c.AcquireGenericServiceTicket(ctx, spec)
	facts["service ticket"] = outcome(err)
	local, err := c.AcquireLocalTicket(ctx, os.Args[2])
	facts["local ticket"] = outcome(err)
	facts["local ticket's user"] = local.UserName
	facts["token login"] = outcome(late.LoginByToken(ctx))
	facts["impersonate who is not there"] = outcome(c.ImpersonateUser(ctx, "nobody-here"))

	facts["logout"] = outcome(c.Logout(ctx))
	facts["after logout"] = c.who()
	facts["after logout, time"] = c.time()
	facts["logout twice"] = outcome(c.Logout(ctx))
	facts["login again"] = outcome(c.Login(ctx, user))
	facts["logout again"] = outcome(c.Logout(ctx))

	if err := json.NewEncoder(os.Stdout).Encode(facts); err != nil {
		log.Fatal(err)
	}
}
