// A server under mixed traffic for a long time, and whether its memory grows.
import { Agent, request } from "node:http"
import { join } from "node:path"
import { setTimeout as sleep } from "node:timers/promises"
import { start } from "./http.mjs"
import * as Progress from "./progress.mjs"
import { median, whole } from "./report.mjs"

/**
 * In bytes, from the middle third to the last one. What a server keeps for its connections, compiled code included, settles in
 * the first third, and between two collections at rest its live heap varies by some 100 kB. A leak of a single small object
 * (50 bytes) for each request goes beyond it after 42,000 requests: in ten minutes each third has several times as many.
 */
const limit = 2 * 2 ** 20

const everySeconds = 10

/** As often as it is named. `undefined`: the client goes away before there is an answer. */
const traffic = [
  ["/ok", 200],
  ["/audited", 200],
  ["/limited", 429],
  ["/ok", 200],
  ["/api/limited", 429],
  ["/audited", 200],
  ["/api/ok", 200],
  ["/nothing-here", 404],
  ["/slow", undefined]
]

const get = (agent, url) =>
  new Promise((resolve, reject) => {
    const sent = request(url, { agent }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode))
    })
    sent.on("error", reject).end()
  })

/** Resumes when the connection is closed. */
const abort = (url) =>
  new Promise((resolve) => {
    const sent = request(url, { agent: false })
    sent.on("error", () => {}).on("close", resolve)
    sent.on("socket", (socket) => socket.on("connect", () => setTimeout(() => sent.destroy(), 5)))
    sent.end()
  })

/** Sends until it is told to rest, and resumes when all that was sent is answered. */
const drive = async ({ agent, base, connections, until, counts }) => {
  const worker = async (first) => {
    for (let index = first; performance.now() < until; index++) {
      const [path, status] = traffic[index % traffic.length]
      if (status === undefined) {
        await abort(`${base}${path}`)
      } else {
        const got = await get(agent, `${base}${path}?n=${index}`)
        if (got !== status) throw new Error(`${path} answered ${got}, and not ${status}`)
      }
      counts.requests++
    }
  }
  await Promise.all(Array.from({ length: connections }, (_, index) => worker(index)))
}

const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(2)} MB`

/** Whether the heap stayed within its limit. */
export const soak = async ({ minutes, folder, connections }) => {
  const server = await start({
    server: "soaked.mjs",
    args: [join(folder, "soak")],
    execArgv: ["--expose-gc"]
  })
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const counts = { requests: 0 }
  const heaps = []
  const end = performance.now() + minutes * 60_000
  try {
    while (performance.now() < end) {
      const until = Math.min(end, performance.now() + everySeconds * 1000)
      await drive({ agent, base: server.url, connections, until, counts })
      // Those whose client went away still run, for as long as they take.
      await sleep(300)
      heaps.push(await server.heap())
      const left = Math.max(0, Math.round((end - performance.now()) / 1000))
      Progress.step(`soak: ${whole(counts.requests)} requests, live heap ${megabytes(heaps.at(-1))}, ${left} s to go`)
    }
  } finally {
    agent.destroy()
    await server.stop()
  }
  const third = Math.floor(heaps.length / 3)
  const middle = median(heaps.slice(third, 2 * third))
  const last = median(heaps.slice(-third))
  const isFlat = last - middle <= limit
  Progress.clear()
  console.log(`${whole(counts.requests)} requests in ${minutes} minutes, over ${connections} connections`)
  console.log(`Live heap each ${everySeconds} s: ${heaps.map(megabytes).join(", ")}`)
  console.log(
    `Middle third ${megabytes(middle)}, last third ${megabytes(last)}: ${isFlat ? "it does not grow" : "IT GROWS"}`
  )
  return isFlat
}
