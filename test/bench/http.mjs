// The comparisons over HTTP: a server per contestant and round, and autocannon.
import assert from "node:assert/strict"
import { join } from "node:path"
import { lineCount } from "./lineCount.mjs"
import { cpuOf, measure, ownCpu } from "./measure.mjs"
import * as Processes from "./processes.mjs"
import { interleave } from "./rounds.mjs"

export const start = async ({ server, args = [], path = "", execArgv }) => {
  const child = Processes.fork(join(import.meta.dirname, "servers", server), args, execArgv)
  const { port } = await Processes.message(child)
  return {
    url: `http://127.0.0.1:${port}${path}`,
    cpu: async () => cpuOf(await Processes.ask(child, "cpu")),
    heap: () => Processes.ask(child, "heap"),
    stop: () => Processes.stop(child)
  }
}

/** The answer, with all that does not change from one request to the next. */
const ask = async (url) => {
  const response = await fetch(url)
  // The id of a request is another each time: that there is one has to be the same.
  const headers = [...response.headers]
    .filter(([header]) => header !== "date")
    .map(([header, value]) => [header, header === "x-request-id" ? typeof value : value])
  return { status: response.status, headers, body: await response.text() }
}

/** Bounded in count and in time. Every answer must be the right one. */
const fire = async (autocannon, url, { status, body }, { requests, connections, seconds }) => {
  const began = performance.now()
  let last = began
  const run = autocannon({ url, connections, amount: requests, sampleInt: 100, expectBody: body })
  // autocannon itself looks at the time only once in each interval.
  run.on("response", () => (last = performance.now()))
  const limit = setTimeout(() => run.stop(), seconds * 1000)
  const { errors, mismatches, statusCodeStats } = await run
  clearTimeout(limit)
  const { [status]: right, ...wrong } = statusCodeStats
  if (errors + mismatches > 0 || right === undefined || Object.keys(wrong).length > 0) {
    throw new Error(`${url}: ${JSON.stringify({ errors, mismatches, statusCodeStats })}`)
  }
  return { count: right.count, seconds: (last - began) / 1000 }
}

/** What has to be the same as the first contestant's answer. */
const compared = {
  everything: (answer) => answer,
  body: ({ status, body }) => ({ status, body }),
  status: ({ status }) => ({ status })
}

/**
 * The rounds of each contestant, interleaved. Each round has a new process: one and the same code can be a quarter slower
 * in one process than in another, for as long as it runs. Fails unless they answer the same, as far as they are meant to, and
 * every line is in its file.
 */
export const compare = async ({ title, contestants }, load) => {
  const { default: autocannon } = await import("autocannon")
  const linesByFile = new Map()
  let expected

  const once = async (contestant) => {
    const { connections = load.connections, share = 1 } = contestant
    const given = { ...load, connections, requests: Math.max(connections, Math.round(load.requests * share)) }
    const { url, cpu, stop } = await start(contestant)
    try {
      const answer = await ask(url)
      expected ??= answer
      const part = compared[contestant.same ?? "everything"]
      assert.deepEqual(part(answer), part(expected), `${contestant.name} answers something else`)
      const warmUp = await fire(autocannon, url, answer, given)
      let counted
      const result = await measure(async () => (counted = await fire(autocannon, url, answer, given)), [cpu, ownCpu])
      const { file } = contestant
      if (file !== undefined) linesByFile.set(file, (linesByFile.get(file) ?? 0) + 1 + warmUp.count + counted.count)
      return result
    } finally {
      await stop()
    }
  }

  const measured = await interleave({ title, contestants, rounds: load.rounds }, once)
  for (const [file, requests] of linesByFile) {
    const lines = lineCount(file)
    assert.ok(lines >= requests, `${requests} requests were answered, but ${file} has ${lines} lines`)
  }
  return measured
}
