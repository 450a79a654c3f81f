// The comparisons over HTTP: a server per contestant, and autocannon.
import assert from "node:assert/strict"
import { fork } from "node:child_process"
import { once } from "node:events"
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { cpuOf, measure, ownCpu } from "./measure.mjs"

const ended = (child) => child.exitCode !== null || child.signalCode !== null

/** The next message, or an Error when the process ends before it. */
const message = (child) =>
  new Promise((resolve, reject) => {
    const onExit = (code, signal) => reject(new Error(`A server ended with ${signal ?? code}`))
    child.once("exit", onExit).once("message", (received) => {
      child.off("exit", onExit)
      resolve(received)
    })
  })

const start = async ({ server, args = [], path }) => {
  const child = fork(join(import.meta.dirname, "servers", server), args)
  const { port } = await message(child)
  const cpu = () => {
    child.send("cpu")
    return message(child).then(cpuOf)
  }
  const stop = async () => {
    if (ended(child)) return
    child.kill()
    await Promise.race([once(child, "exit"), sleep(10_000, undefined, { ref: false })])
    if (!ended(child)) child.kill("SIGKILL")
  }
  return { url: `http://127.0.0.1:${port}${path}`, cpu, stop }
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

/**
 * The rounds of each contestant, interleaved. Each round has a new process: one and the same code can be a quarter slower
 * in one process than in another, for as long as it runs. Fails unless all answer the same, and every event is in its file.
 */
export const compare = async (contestants, { rounds, ...load }) => {
  const { default: autocannon } = await import("autocannon")
  const measured = contestants.map((contestant) => ({ ...contestant, rounds: [], requests: 0 }))
  let expected
  for (let round = 0; round < rounds; round++) {
    for (const contestant of measured) {
      const { url, cpu, stop } = await start(contestant)
      try {
        const answer = await ask(url)
        expected ??= answer
        assert.deepEqual(answer, expected)
        const warmUp = await fire(autocannon, url, expected, load)
        let counted
        const result = await measure(async () => (counted = await fire(autocannon, url, expected, load)), [cpu, ownCpu])
        contestant.rounds.push(result)
        contestant.requests += 1 + warmUp.count + counted.count
      } finally {
        await stop()
      }
    }
  }
  for (const { args, requests } of measured.filter(({ path }) => path === "/audited")) {
    const lines = readFileSync(args[0], "utf8").split("\n").length - 1
    assert.ok(lines >= requests, `${requests} requests were answered, but ${args[0]} has ${lines} lines`)
  }
  return measured
}
