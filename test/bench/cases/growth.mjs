// What happens where there is more of everything. No targets: the question is whether it stays flat.
import { join } from "node:path"
import { figures, ratio, short, standardColumns, whole } from "../report.mjs"

const levels = (counts, noun, more) =>
  Object.fromEntries(counts.map((count) => [count, { name: named(count, noun), ...more?.(count) }]))

const named = (count, noun) => `${whole(count)} ${count === 1 ? noun.replace(/s$/, "") : noun}`

const times = (mine, base, key) => ratio(mine, base, key).middle.toFixed(2)

const definitions = {
  title: "More registered errors and events",
  work: "definitions",
  columns: [
    { head: "start-up ms", key: "startUp", show: short },
    { head: "start-up µs each", key: "startUpEach", show: short },
    { head: "µs per error", key: "error", show: short, ratio: true },
    { head: "µs per event", key: "event", show: short, ratio: true }
  ],
  contestants: levels([10, 100, 1000, 10_000], "of each"),
  meaning: ({ 10: few, 1000: some, 10000: many }) => `
    Start-up is everything from the declarations to the services; for each definition it takes
    ${times(many, some, "startUpEach")} times as long where there are 10,000 of each as where there are 1,000, so it grows in
    proportion where that is near 1. To answer with one of 10,000 errors takes ${times(many, few, "error")} times as long as with
    one of 10, and to record one of 10,000 events ${times(many, few, "event")} times. They are used in turn, which is the worst
    case for the caches of the processor and for the compiler of the engine.`
}

const connections = ({ folder }) => ({
  title: "More connections",
  columns: standardColumns("request"),
  contestants: levels([1, 32, 256, 1000], "connections", (count) => ({
    server: "registrar.mjs",
    path: "/audited",
    args: [join(folder, `connections-${count}`), "written"],
    file: join(folder, `connections-${count}`),
    connections: count,
    // A single one waits for each answer before it asks again.
    share: count === 1 ? 0.25 : 1
  })),
  meaning: ({ 32: few, 1000: many }) => `
    An audited route (\`written\`) over 1,000 connections answers ${times(many, few, "rate")} times the requests per second of
    32 connections. The load generator has to serve those connections as well.`
})

const concurrent = {
  title: "More requests at once, without HTTP",
  work: "concurrent",
  columns: standardColumns("request"),
  contestants: levels([1, 100, 1000, 10_000], "at once"),
  meaning: ({ 100: few, 10000: many }) => `
    Each request is answered once its chained event is durable. 10,000 at once are answered at ${times(many, few, "rate")}
    times the rate of 100 at once.`
}

const sizes = {
  title: "Larger events",
  work: "sizes",
  columns: [
    { head: "events/s", key: "rate", show: whole },
    { head: "MB/s", key: "megabytes", show: short },
    { head: "CPU µs per event", key: "cpu", show: short }
  ],
  contestants: levels([100, 1000, 10_000, 100_000, 1_000_000], "bytes"),
  meaning: () => `
    Half of these bytes are a value, and half the message that it is a part of; what each record has besides, and its place
    in the chain, are not counted.`
}

const waiting = (noun) =>
  Object.fromEntries(
    [1000, 10_000, 100_000].map((count) => [
      `${noun}${count}`,
      { name: `${whole(count)} ${noun} waiting`, execArgv: ["--expose-gc"] }
    ])
  )

/** Of 10,000. */
const megabytes = (contestant) => short((figures(contestant, "bytes").middle * 10_000) / 1e6)

const queue = {
  title: "The memory of events that wait",
  work: "queue",
  columns: [
    { head: "bytes of heap per event", key: "bytes", show: whole },
    { head: "characters of its line", key: "characters", show: whole }
  ],
  contestants: { ...waiting("lines"), ...waiting("records") },
  meaning: ({ lines10000, records10000 }) => `
    The sink is held up. For a file or the console the queue keeps no more than lines, and for a sink of one's own the whole
    records. It takes 10,000 of them, if the application does not say otherwise: that many of these take
    ${megabytes(lines10000)} MB as lines, and ${megabytes(records10000)} MB as records.`
}

export const cases = (setting) => [definitions, connections(setting), concurrent, sizes, queue]
