// A session's life by a SOAP client for Node: TOOLKIT MODULES HOST:PORT USER PASSWORD.
// Toolkits: `node-soap`, that is the package `soap`, and `node-vsphere-soap`. MODULES is the folder
// that they are in. What came of it is printed as JSON.

import { createRequire } from "node:module";

const [toolkit, modules, where, user, password] = process.argv.slice(2);
const load = createRequire(`${modules}/story.js`);
const INSTANCE = { attributes: { type: "ServiceInstance" }, $value: "ServiceInstance" };

function fault(body) {
  return /<(?:\w+:)?(\w+)Fault\b[^>]*xsi:type/.exec(body)?.[1] ?? `no fault: ${body}`;
}

function near(when) {
  return Math.abs(Date.now() - new Date(when)) < 60_000;
}

async function nodeSoap() {
  const soap = load("soap");
  const client = await soap.createClientAsync(
    `https://${where}/sdk/vimService.wsdl`, {}, `https://${where}/sdk`,
  );
  return {
    async login(secret) {
      const content = await this.call("RetrieveServiceContent", { _this: INSTANCE });
      const by = { _this: content.sessionManager, userName: user, password: secret };
      const session = await this.call("Login", by);
      // It leaves the cookie to its caller.
      const cookie = client.lastResponseHeaders["set-cookie"][0].split(";")[0];
      client.addHttpHeader("Cookie", cookie);
      return [content, session.userName];
    },
    async call(name, members) {
      try {
        return (await client[`${name}Async`](members))[0]?.returnval;
      } catch (error) {
        throw new Error(fault(error.body));
      }
    },
  };
}

function nodeVsphereSoap() {
  const { Client } = load("node-vsphere-soap");
  // It tells of a refusal by an event, and then throws to nobody.
  process.on("uncaughtException", () => {});
  let client;
  return {
    login(secret) {
      client = new Client(where, user, secret, true);
      return new Promise((done, failed) => {
        client.once("ready", () => done([client.serviceContent, client.userName]));
        client.once("error", (body) => failed(new Error(fault(body))));
      });
    },
    call(name, members) {
      return new Promise((done, failed) => {
        const asked = client.runCommand(name, members);
        asked.once("result", (result) => done(result?.returnval));
        asked.once("error", (body) => failed(new Error(fault(body))));
      });
    },
  };
}

async function refused(promised) {
  try {
    await promised;
    return "answered";
  } catch (error) {
    return error.message;
  }
}

const kit = await (toolkit === "node-soap" ? nodeSoap : nodeVsphereSoap)();
const facts = { "wrong password": await refused(kit.login("wrong")) };
const [content, name] = await kit.login(password);
facts.api = content.about.apiType;
facts.user = name;
// The type of the object left out, as this toolkit's own calls do.
facts.time = near(await kit.call("CurrentTime", { _this: "ServiceInstance" }));
const view = await kit.call("CreateContainerView", {
  _this: content.viewManager, container: content.rootFolder, type: ["VirtualMachine"], recursive: true,
});
const found = await kit.call("RetrieveProperties", {
  _this: content.propertyCollector,
  specSet: [{
    propSet: [{ type: "VirtualMachine", pathSet: ["name"] }],
    objectSet: [{
      obj: view,
      skip: true,
      selectSet: [{
        attributes: { "xsi:type": "TraversalSpec" }, type: "ContainerView", path: "view", skip: false,
      }],
    }],
  }],
});
facts["virtual machines"] = found ?? null;
facts["unknown property"] = await refused(kit.call("RetrieveProperties", {
  _this: content.propertyCollector,
  specSet: [{
    propSet: [{ type: "Folder", pathSet: ["nonsense"] }],
    objectSet: [{ obj: content.rootFolder }],
  }],
}));
facts["logged out"] = (await kit.call("Logout", { _this: content.sessionManager })) ?? null;
console.log(JSON.stringify(facts));
process.exit(0);
