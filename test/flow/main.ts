/**
 * The flow of a million events: `node --expose-gc --import tsx test/flow/main.ts [events] [capacity]`. Prints one line of JSON
 * for each policy.
 */
import { Effect } from "effect"
import { flow } from "./flow.js"

const [events = 1_000_000, capacity = 10_000] = process.argv.slice(2).map(Number)

for (const whenFull of ["suspend", "drop-new", "drop-old"] as const) {
  const result = await Effect.runPromise(flow({ events, whenFull, capacity }))
  console.log(JSON.stringify({ whenFull, ...result }))
}
