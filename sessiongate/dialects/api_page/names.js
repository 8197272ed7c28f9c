"use strict";

// What Swagger UI leaves without a name, or out of reach of the keyboard, for those who do not see
// the page. Elements come and go as operations are opened, so it is looked after at each change.
const NAMES = [
  ["#servers", () => "Server"],
  [".examples-select-element", () => "Example"],
  ["[data-param-name] select, [data-param-name] input", nameOfParameter],
  ["textarea.body-param__text", () => "Request body"],
  [".copy-to-clipboard button", () => "Copy"],
  [".close-modal", () => "Close"],
  ["table.responses-table", nameOfResponses],
];

function nameOfParameter(element) {
  return element.closest("[data-param-name]").dataset.paramName;
}

function nameOfResponses(table) {
  const path = table.closest(".opblock")?.querySelector(".opblock-summary-path")?.dataset.path;
  const live = table.classList.contains("live-responses-table");
  return `${live ? "Response" : "Possible responses"} of ${path}`;
}

function lookAfter() {
  for (const [selector, nameOf] of NAMES) {
    for (const element of document.querySelectorAll(`.swagger-ui :is(${selector})`)) {
      if (!element.hasAttribute("aria-label")) {
        element.setAttribute("aria-label", nameOf(element));
      }
    }
  }
  for (const element of document.querySelectorAll(".swagger-ui pre:not([tabindex])")) {
    element.tabIndex = 0;
  }
  // One level below the name of the scheme, which is an h4.
  for (const element of document.querySelectorAll(".swagger-ui .auth-container h6")) {
    element.setAttribute("aria-level", "5");
  }
}

window.addEventListener("DOMContentLoaded", () => {
  const page = document.getElementById("swagger-ui");
  let due = false;
  new MutationObserver(() => {
    if (!due) {
      due = true;
      requestAnimationFrame(() => {
        due = false;
        lookAfter();
      });
    }
  }).observe(page, { childList: true, subtree: true });
});
