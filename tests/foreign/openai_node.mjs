// The driver of `openai` for Node: `OpenAIRealtimeWS`, event by event.

import { OpenAI } from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { GREETING, LONG, expect, finish, loud, runSteps, silence, speak } from "./support_driver.mjs";

const WEATHER = {
  type: "function",
  name: "weather",
  description: "Say what the weather is like.",
  parameters: { type: "object", properties: { city: { type: "string" } }, required: ["city"] },
};

/** A connection, and its events as a queue. */
class Connection {
  constructor(url) {
    const client = new OpenAI({
      apiKey: "sk-test",
      baseURL: url.replace("wss://", "https://").replace(/\/realtime$/, ""),
    });
    this.realtime = new OpenAIRealtimeWS({ model: "gpt-realtime-2.1" }, client);
    this.events = [];
    this.wake = () => {};
    this.realtime.on("event", (event) => this.put(event));
    this.realtime.on("error", (error) => this.put({ type: "error", error }));
  }

  put(event) {
    this.events.push(event);
    this.wake();
  }

  send(event) {
    this.realtime.send(event);
  }

  /** The events up to the first of this type. */
  async until(kind) {
    const seen = [];
    for (;;) {
      while (this.events.length > 0) {
        const event = this.events.shift();
        seen.push(event);
        if (event.type === "error") throw new Error(event.error?.message ?? "an error event");
        if (event.type === kind) return seen;
      }
      await new Promise((resolve) => (this.wake = resolve));
    }
  }

  say(text) {
    const content = [{ type: "input_text", text }];
    this.send({ type: "conversation.item.create", item: { type: "message", role: "user", content } });
    this.send({ type: "response.create" });
  }

  speak(audio) {
    const append = (piece) =>
      this.send({ type: "input_audio_buffer.append", audio: piece.toString("base64") });
    return speak(append, audio);
  }
}

/** Do something with a connection whose `session.created` has come. */
async function connected(url, use) {
  const connection = new Connection(url);
  try {
    await connection.until("session.created");
    return await use(connection);
  } finally {
    connection.realtime.close();
  }
}

const transcript = (events) =>
  events
    .filter((event) => event.type === "response.output_audio_transcript.delta")
    .map((event) => event.delta)
    .join("");

const steps = {
  connect: (url) =>
    connected(url, async (connection) => {
      const session = { type: "realtime", instructions: "Be brief." };
      connection.send({ type: "session.update", session });
      const updated = (await connection.until("session.updated")).at(-1);
      expect(updated.session.instructions === "Be brief.", "other instructions are in force");
      return `session ${updated.session.id}`;
    }),
  text: (url) =>
    connected(url, async (connection) => {
      connection.say(GREETING);
      const said = transcript(await connection.until("response.done"));
      expect(said.includes(`You wrote: ${GREETING}`), `the answer was ${said}`);
      return said;
    }),
  speech: (url) =>
    connected(url, async (connection) => {
      await connection.speak(Buffer.concat([loud(0.6), silence(1.0)]));
      const seen = await connection.until("response.done");
      const said = transcript(seen);
      expect(said.includes("understand speech"), `the answer was ${said}`);
      expect(seen.some((event) => event.type === "response.output_audio.delta"), "no audio came");
      return said;
    }),
  tool: (url) =>
    connected(url, async (connection) => {
      const session = { type: "realtime", tools: [WEATHER], tool_choice: "required" };
      connection.send({ type: "session.update", session });
      connection.say("How is the weather?");
      const done = (await connection.until("response.done")).at(-1);
      const item = {
        type: "function_call_output",
        call_id: done.response.output[0].call_id,
        output: "sunny",
      };
      connection.send({ type: "conversation.item.create", item });
      connection.send({ type: "response.create" });
      const said = transcript(await connection.until("response.done"));
      expect(said.includes("returned: sunny"), `the answer was ${said}`);
      return said;
    }),
  barge_in: (url) =>
    connected(url, async (connection) => {
      connection.say(LONG);
      await connection.until("response.output_audio.delta");
      await connection.speak(loud(0.5));
      const done = (await connection.until("response.done")).at(-1);
      expect(done.response.status === "cancelled", `the response was ${done.response.status}`);
      return `the response was ${done.response.status}`;
    }),
};

await runSteps(steps, process.argv[2]);
finish("openai", "openai (Node)");
