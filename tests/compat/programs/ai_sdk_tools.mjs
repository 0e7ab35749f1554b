import { createRequire } from "node:module";

const require = createRequire(new URL("../../../build/compat/node/", import.meta.url));
const { createAnthropic } = require("@ai-sdk/anthropic");
const { createOpenAI } = require("@ai-sdk/openai");
const { generateText, jsonSchema, stepCountIs, streamText, tool } = require("ai");

const options = { baseURL: process.env.COMPAT_BASE_URL, apiKey: "sk-compat" };
const name = process.env.COMPAT_MODEL;
const openai = createOpenAI(options);
const models = { Responses: openai(name), Chat: openai.chat(name), Messages: createAnthropic(options)(name) };

const getTrip = tool({
  description: "Return a trip.",
  inputSchema: jsonSchema({ type: "object", properties: { title: { type: "string" } }, required: ["title"] }),
  execute: async () => "found",
});
const request = { prompt: "call get_trip", tools: { get_trip: getTrip }, stopWhen: stepCountIs(3), maxRetries: 0 };

async function whole(model) {
  return (await generateText({ model, ...request })).text;
}

async function streamed(model) {
  let failure;
  let text = "";
  const stream = streamText({ model, ...request, onError: ({ error }) => (failure = error) });
  for await (const part of stream.textStream) text += part;
  if (failure) throw failure;
  return text;
}

async function outcome(ask, model) {
  try {
    const text = await ask(model);
    return text.includes("found") ? "ok" : `the answer is ${text}`;
  } catch (error) {
    return `${error.name}: ${error.message}`.slice(0, 300);
  }
}

const results = {};
for (const [api, model] of Object.entries(models)) {
  for (const ask of [whole, streamed]) results[`${api}, ${ask.name}`] = await outcome(ask, model);
}
console.log(JSON.stringify(results));
