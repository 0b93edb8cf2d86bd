// OpenAI's own client for JavaScript against the HTTP server and the real model.

import assert from "node:assert/strict";
import { execFileSync, spawn } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import OpenAI, { AuthenticationError, BadRequestError, NotFoundError } from "openai";
import { BIN, Installation, LONG, QUESTION, ROOT } from "./support.mjs";

const MODEL = "smollm2-135m";
const ASK = { model: MODEL, temperature: 0, max_tokens: 128 };
const CAPITAL = [
  { role: "system", content: "You answer questions in full sentences." },
  { role: "user", content: QUESTION },
];
const SCHEMA = {
  type: "object",
  properties: { city: { type: "string", maxLength: 12 } },
  required: ["city"],
  additionalProperties: false,
};
const WEATHER = { type: "function", function: { name: "get_weather", parameters: SCHEMA } };

/** What a line of Python prints, as JSON. */
function python(line) {
  return JSON.parse(execFileSync(path.join(BIN, "python"), ["-c", line], { cwd: ROOT, encoding: "utf8", maxBuffer: 1e8 }));
}

/** A server of `installation`, and where it listens. */
async function serve(installation) {
  const server = spawn(path.join(BIN, "python"), ["-m", "native_host.http_server"], {
    cwd: ROOT,
    env: { ...installation.environ, TABAGENT_HTTP_PORT: "0" },
    stdio: ["ignore", "ignore", "pipe"],
  });
  for await (const line of createInterface(server.stderr)) {
    const ready = /listens on (\S+); the token is in (.+)/.exec(line);
    if (ready) return { server, address: ready[1], token: readFileSync(ready[2], "utf8").trim() };
  }
  throw new Error("the server ended");
}

test("OpenAI's client", async (t) => {
  const models = mkdtempSync(path.join(tmpdir(), "tabagent-models-"));
  const minilm = python("import json; from tabagent_weights import minilm; print(json.dumps(str(minilm.onnx_int8().parent)))");
  cpSync(minilm, path.join(models, "minilm"), { recursive: true });
  const installation = new Installation({ TABAGENT_MODEL_DIRS: models });
  const { server, address, token } = await serve(installation);
  t.after(async () => {
    server.kill();
    await installation.close();
    rmSync(models, { recursive: true });
  });
  const client = new OpenAI({ baseURL: `${address}/v1`, apiKey: token, maxRetries: 0 });
  const create = (body, options) => client.chat.completions.create({ ...ASK, ...body }, options);

  await t.test("lists models", async () => {
    const names = [];
    for await (const model of client.models.list()) names.push(model.id);
    assert.ok(names.includes(MODEL));
  });

  await t.test("answers, at once and streamed", async () => {
    const whole = await create({ messages: CAPITAL });
    assert.match(whole.choices[0].message.content, /Paris/);
    let text = "";
    for await (const chunk of await create({ messages: CAPITAL, stream: true })) text += chunk.choices[0].delta.content ?? "";
    assert.equal(text, whole.choices[0].message.content);
    const response = await client.responses.create({ model: MODEL, temperature: 0, input: QUESTION, max_output_tokens: 32 });
    assert.equal(response.output_text, response.output[0].content[0].text);
    assert.ok(response.output_text);
  });

  await t.test("calls the tool that is named, and none", async () => {
    const choice = { type: "function", function: { name: "get_weather" } };
    const forced = await create({ messages: CAPITAL, tools: [WEATHER], tool_choice: choice });
    const [call] = forced.choices[0].message.tool_calls;
    assert.deepEqual(Object.keys(JSON.parse(call.function.arguments)), ["city"]);
    const none = await create({ messages: CAPITAL, tools: [WEATHER], tool_choice: "none" });
    assert.equal(none.choices[0].message.tool_calls, undefined);
  });

  await t.test("keeps to every schema", async () => {
    const schemas = python("import json; from tests.http import schemas as it; print(json.dumps(it.random_schemas()))");
    for (const [seed, schema] of schemas.entries()) {
      const format = { type: "json_schema", json_schema: { name: "it", schema, strict: true } };
      const answer = await create({ messages: CAPITAL, response_format: format, max_tokens: 512, temperature: 1, seed });
      const validate = new Ajv2020({ strict: false }).compile(schema);
      assert.ok(validate(JSON.parse(answer.choices[0].message.content)), JSON.stringify(validate.errors));
    }
  });

  await t.test("embeds, in numbers and packed", async () => {
    const ask = { model: "minilm", input: ["a cat", "a kitten", "a tax return"] };
    const packed = await client.embeddings.create(ask); // the client asks for base64 by itself
    const [cat, kitten, tax] = packed.data.map((it) => it.embedding);
    const alike = (a, b) => a.reduce((sum, value, index) => sum + value * b[index], 0);
    assert.ok(alike(cat, kitten) > alike(cat, tax));
    const { data } = await client.embeddings.create({ ...ask, encoding_format: "float" });
    assert.ok(data[2].embedding.every((value, index) => Math.abs(value - tax[index]) < 1e-6));
  });

  await t.test("aborts", async () => {
    const controller = new AbortController();
    const stream = await create(
      { messages: [{ role: "user", content: LONG }], max_tokens: 5000, stream: true },
      { signal: controller.signal },
    );
    for await (const chunk of stream) {
      assert.ok(chunk.id);
      controller.abort();
    }
    const headers = { Authorization: `Bearer ${token}` };
    for (let left = 100; ; left--) {
      const { models } = await (await fetch(`${address}/tabagent/v1/status`, { headers })).json();
      if (models.every((model) => model.active_requests === 0)) break;
      assert.ok(left, "it still answers");
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  });

  await t.test("tells errors apart", async () => {
    await assert.rejects(create({ messages: CAPITAL, model: "gpt-4o" }), NotFoundError);
    await assert.rejects(create({ messages: CAPITAL, temperature: 11 }), BadRequestError);
    await assert.rejects(client.embeddings.create({ model: MODEL, input: "x" }), BadRequestError);
    const stranger = new OpenAI({ baseURL: `${address}/v1`, apiKey: "wrong", maxRetries: 0 });
    await assert.rejects(stranger.models.list(), AuthenticationError);
  });
});
