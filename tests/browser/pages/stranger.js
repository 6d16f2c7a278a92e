"use strict";
// A page of somebody else. It has a token of the shop's form from somewhere, and tries every way that a browser has.

const plan = JSON.parse(document.querySelector("#plan").textContent);
const text = JSON.stringify(plan.values);

function asForm(target) {
  for (const [name, value] of Object.entries(plan.values)) target.set(name, value);
  return target;
}

async function attempt(path, options) {
  try {
    const answer = await fetch(`${plan.form}/${path}`, options);
    return answer.type;
  } catch {
    return "refused by the browser";
  }
}

function post(body, options) {
  return attempt("submissions", { method: "POST", body, ...options });
}

async function visit() {
  await new Promise((done) => setTimeout(done, plan.min_seconds * 1000));
  const headers = { "content-type": "application/json", "idempotency-key": plan.idempotency_key };
  return {
    config: await attempt("config"),
    json: await post(text, { headers }),
    text: await post(text, { mode: "no-cors", headers: { "content-type": "text/plain" } }),
    multipart: await post(asForm(new FormData()), { mode: "no-cors" }),
    urlencoded: await post(asForm(new URLSearchParams()), { mode: "no-cors" }),
  };
}

visit()
  .catch((error) => String(error))
  .then((tried) => {
    const output = document.querySelector("output");
    output.textContent = JSON.stringify(tried);
    // A page in a sandbox is a stranger even to its own server.
    return fetch("/result", { method: "POST", mode: "no-cors", body: output.textContent });
  });
