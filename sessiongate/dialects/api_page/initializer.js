"use strict";

// The session that a reply brings is put under Authorize, and taken away with the logout. It stays
// in this page's memory: nothing is kept between visits (persistAuthorization).
const SESSIONS = {
  "x-zerto-session": "zertoSession",
  "vmware-api-session-id": "vmwareSession",
};
const LOGOUTS = [
  { verb: "DELETE", path: /\/v1\/session$/i },
  { verb: "POST", path: /\/SessionManager\/Logout$/ },
];

let ui;
let asked;

function keepInMind(request) {
  if (!request.loadSpec) {
    asked = { verb: request.method, path: new URL(request.url, location.href).pathname };
  }
  return request;
}

function followSession(response) {
  if (!ui || !response.ok || !asked) {
    return response;
  }
  for (const [header, scheme] of Object.entries(SESSIONS)) {
    const session = response.headers[header];
    if (session) {
      const schema = ui.specSelectors.specJson().getIn(["components", "securitySchemes", scheme]);
      ui.authActions.authorize({ [scheme]: { name: scheme, value: session, schema: schema.toJS() } });
    }
  }
  if (LOGOUTS.some((one) => one.verb === asked.verb && one.path.test(asked.path))) {
    ui.authActions.logout(Object.values(SESSIONS));
  }
  return response;
}

function needsSomething(security) {
  return (security.size ?? Object.keys(security).length) > 0;
}

// Swagger UI takes "no session needed", beside a session, for a session that is there, and shows a
// closed padlock to who has none.
const OpenPadlocks = {
  statePlugins: {
    auth: {
      wrapSelectors: {
        isAuthorized: (original) => (_state, securities) =>
          original(securities?.filter(needsSomething)),
      },
    },
  },
};

// Nothing is asked of other hosts (validatorUrl): the page's Content-Security-Policy would refuse
// it anyway.
window.addEventListener("DOMContentLoaded", () => {
  ui = SwaggerUIBundle({
    url: "/openapi.json",
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [OpenPadlocks],
    layout: "BaseLayout",
    requestInterceptor: keepInMind,
    responseInterceptor: followSession,
    persistAuthorization: false,
    validatorUrl: null,
    queryConfigEnabled: false,
    tryItOutEnabled: true,
    displayRequestDuration: true,
    defaultModelsExpandDepth: 0,
  });
});
