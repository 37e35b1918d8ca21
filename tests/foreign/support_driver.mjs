// What the drivers of foreign Node clients share: sounds, and a report of the steps.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

export const GREETING = "Good morning";
// About 400 characters, which the simulator takes many seconds to say.
export const LONG = "Please repeat every word of this sentence to me, slowly and in order. ".repeat(6);

const PATIENCE_MS = 20_000;
const RATE = 24_000;
const PIECE = RATE / 50; // samples of 20 ms

/** A square wave of 200 Hz, PCM16 at 24 kHz: what the turn detection takes for speech. */
export function loud(seconds) {
  const samples = Math.floor(seconds * RATE);
  const audio = Buffer.alloc(2 * samples);
  for (let index = 0; index < samples; index++) {
    audio.writeInt16LE(index % (RATE / 200) < RATE / 400 ? 12_000 : -12_000, 2 * index);
  }
  return audio;
}

/** Silence, PCM16 at 24 kHz. */
export const silence = (seconds) => Buffer.alloc(2 * Math.floor(seconds * RATE));

/** Send audio in pieces of 20 ms, in real time, as a microphone does. */
export async function speak(send, audio) {
  for (let start = 0; start < audio.length; start += 2 * PIECE) {
    await send(audio.subarray(start, start + 2 * PIECE));
    await new Promise((resolve) => setTimeout(resolve, (1000 * PIECE) / RATE));
  }
}

/** Throw with what was wrong, unless the condition holds. */
export function expect(condition, problem) {
  if (!condition) throw new Error(problem);
}

function report(step, ok, detail) {
  const line = { step, ok, detail: String(detail).replace(/\s+/g, " ").slice(0, 300) };
  console.log(JSON.stringify(line));
}

/** Do the steps in order, each within its time limit. Each returns what it saw. */
export async function runSteps(steps, url) {
  for (const [name, step] of Object.entries(steps)) {
    let timer;
    const late = new Promise((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error("nothing came in 20 s")), PATIENCE_MS);
    });
    try {
      report(name, true, await Promise.race([step(url), late]));
    } catch (error) {
      report(name, false, `${error.name}: ${error.message}`);
    } finally {
      clearTimeout(timer);
    }
  }
}

/** The version of an installed package, whose exports may hide its package.json. */
function versionOf(name) {
  let folder = path.dirname(createRequire(import.meta.url).resolve(name));
  while (!folder.endsWith(name)) folder = path.dirname(folder);
  return JSON.parse(readFileSync(path.join(folder, "package.json"))).version;
}

/** Say which client this was, and end. */
export function finish(name, client = name) {
  console.log(JSON.stringify({ client, version: versionOf(name) }));
  process.exit(0);
}
