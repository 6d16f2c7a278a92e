"use strict";
// A shop's contact page: it builds the form that the gateway describes, is filled by a plan in place of a person,
// and tells its own server what the gateway answered.

const plan = JSON.parse(document.querySelector("#plan").textContent);
const form = document.querySelector("form");
const idempotencyKey = crypto.randomUUID();

function wait(seconds) {
  return new Promise((done) => setTimeout(done, seconds * 1000));
}

function addField({ name, label, is_required }) {
  const input = document.createElement(name === "body" ? "textarea" : "input");
  input.name = name;
  input.required = is_required;
  const row = document.createElement("label");
  row.append(label.ja, input);
  form.prepend(row);
}

function build(config) {
  config.fields.forEach(addField);
  addField({ name: config.honeypot, label: { ja: "" }, is_required: false });
  form.elements[config.honeypot].parentElement.hidden = true;
  const files = document.createElement("input");
  Object.assign(files, { name: "files", type: "file", multiple: true, accept: config.limits.file_types.join() });
  form.prepend(files);
}

function fill() {
  for (const [name, value] of Object.entries(plan.values)) form.elements[name].value = value;
  const chosen = new DataTransfer();
  for (const { name, type, content } of plan.files) {
    chosen.items.add(new File([Uint8Array.from(atob(content), (c) => c.charCodeAt(0))], name, { type }));
  }
  form.elements.files.files = chosen.files;
}

function request(formToken) {
  const values = new FormData(form);
  values.set("form_token", formToken);
  const headers = { "idempotency-key": idempotencyKey };
  if (plan.encoding === "multipart") return { method: "POST", headers, body: values };
  values.delete("files");
  const body = JSON.stringify(Object.fromEntries(values));
  // A browser asks nobody before it sends plain text without further headers.
  if (plan.encoding === "text") return { method: "POST", headers: { "content-type": "text/plain" }, body };
  return { method: "POST", headers: { ...headers, "content-type": "application/json" }, body };
}

async function send(formToken) {
  for (;;) {
    const answer = await fetch(`${plan.form}/submissions`, request(formToken));
    // The first click may still be on its way: the same key is tried again.
    if (answer.status !== 503) return { status: answer.status, body: await answer.json() };
    await wait(0.5);
  }
}

async function visit() {
  const config = await (await fetch(`${plan.form}/config`)).json();
  build(config);
  fill();
  const sending = [];
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    sending.push(send(config.form_token));
  });
  // Nobody fills a form faster than this, so the gateway refuses what comes sooner.
  await wait(config.limits.min_seconds + 0.1);
  for (let click = 0; click < plan.clicks; click += 1) form.querySelector("button").click();
  return Promise.all(sending);
}

visit()
  .catch((error) => String(error))
  .then((answers) => {
    const output = document.querySelector("output");
    output.textContent = JSON.stringify(answers);
    return fetch("/result", { method: "POST", body: output.textContent });
  });
