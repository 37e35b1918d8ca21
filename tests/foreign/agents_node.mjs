// The driver of `@openai/agents-realtime` for Node: `RealtimeAgent` and `RealtimeSession`.

import { RealtimeAgent, RealtimeSession, tool } from "@openai/agents-realtime";
import { z } from "zod";
import { GREETING, LONG, expect, finish, loud, runSteps, silence, speak } from "./support_driver.mjs";

const weather = tool({
  name: "weather",
  description: "Say what the weather is like in a city.",
  parameters: z.object({ city: z.string() }),
  execute: async ({ city }) => `sunny in ${city}`,
});

/** An open session of an agent, and its events as a queue. */
async function withSession(url, use, tools = []) {
  const agent = new RealtimeAgent({ name: "Assistant", instructions: "Be brief.", tools });
  const session = new RealtimeSession(agent, { transport: "websocket", model: "gpt-realtime-2.1" });
  const events = [];
  let wake = () => {};
  const put = (event) => {
    events.push(event);
    wake();
  };
  session.on("transport_event", (event) => put(event));
  session.on("audio_interrupted", () => put({ type: "audio_interrupted" }));
  session.on("audio", () => put({ type: "audio" }));
  session.on("agent_tool_end", () => put({ type: "agent_tool_end" }));
  session.on("error", ({ error }) => put({ type: "failure", error }));
  const until = async (kind) => {
    const seen = [];
    for (;;) {
      while (events.length > 0) {
        const event = events.shift();
        seen.push(event);
        if (event.type === "failure") throw new Error(JSON.stringify(event.error));
        if (event.type === kind) return seen;
      }
      await new Promise((resolve) => (wake = resolve));
    }
  };
  try {
    await session.connect({ apiKey: "sk-test", url: `${url}?model=gpt-realtime-2.1` });
    return await use(session, until);
  } finally {
    session.close();
  }
}

const bytes = (piece) => new Uint8Array(piece).buffer;
const transcript = (events) =>
  events
    .filter((event) => event.type === "response.output_audio_transcript.delta")
    .map((event) => event.delta)
    .join("");

const steps = {
  connect: (url) =>
    withSession(url, async (_session, until) => (await until("session.updated")).at(-1).type),
  text: (url) =>
    withSession(url, async (session, until) => {
      session.sendMessage(GREETING);
      const said = transcript(await until("response.done"));
      expect(said.includes(`You wrote: ${GREETING}`), `the answer was ${said}`);
      return said;
    }),
  speech: (url) =>
    withSession(url, async (session, until) => {
      const audio = Buffer.concat([loud(0.6), silence(1.5)]);
      await speak((piece) => session.sendAudio(bytes(piece)), audio);
      const seen = await until("response.done");
      const said = transcript(seen);
      expect(said.includes("understand speech"), `the answer was ${said}`);
      expect(seen.some((event) => event.type === "audio"), "no audio came");
      return said;
    }),
  tool: (url) =>
    withSession(
      url,
      async (session, until) => {
        session.sendMessage("Please call weather.");
        await until("agent_tool_end");
        let said = "";
        while (!said.includes("returned:")) said += transcript(await until("response.done"));
        expect(said.includes("returned: sunny in"), `the answer was ${said}`);
        return said;
      },
      [weather],
    ),
  barge_in: (url) =>
    withSession(url, async (session, until) => {
      session.sendMessage(LONG);
      await until("audio");
      await speak((piece) => session.sendAudio(bytes(piece)), loud(0.5));
      await until("audio_interrupted");
      return "the audio was interrupted";
    }),
};

await runSteps(steps, process.argv[2]);
finish("@openai/agents-realtime");
