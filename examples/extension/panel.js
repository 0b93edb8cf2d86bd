// One port serves any number of requests. Each event carries the id of its request.
const answer = document.getElementById("answer");
let port = null;
let latest = 0;

function connect() {
  const host = chrome.runtime.connectNative("com.tabagent.host");
  host.onMessage.addListener((event) => {
    if (event.id !== latest) return;
    if (event.event === "token") answer.textContent += event.text;
    if (event.event === "error") answer.textContent = event.error.message;
    answer.dataset.last = event.event;
  });
  host.onDisconnect.addListener(() => {
    answer.textContent = `The host has ended: ${chrome.runtime.lastError?.message ?? "no reason"}`;
    port = null;
  });
  return host;
}

document.querySelector("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = new FormData(event.target).get("question");
  port ??= connect();
  if (latest) port.postMessage({ id: `cancel ${latest}`, action: "cancel", target: latest });
  latest += 1;
  answer.textContent = "";
  const messages = [
    { role: "system", content: "You answer questions in full sentences." },
    { role: "user", content },
  ];
  const options = { temperature: 0, max_tokens: 200 };
  port.postMessage({ id: latest, action: "chat", model: "smollm2-135m", messages, options });
});
