// What a run is told on the command line.
import { parseArgs } from "node:util"

const help = (names) => `npm run bench -- [options]

  --check            end with 1 where a target is missed, or left out
  --only <parts>     run these parts, with commas in between, and write no document: ${names.join(", ")}
  --rounds <n>       rounds of each case, at least 5; default 5
  --requests <n>     requests of each round over HTTP; default 8000
  --connections <n>  connections that send them; default 32
  --rows <n>         records of the part "scale"; default 200000, and 10000000 for what is promised
  --soak <minutes>   nothing but mixed traffic for so long, and whether memory grows
  --build            build the library first
  --help             print this

Without --only all parts run, and docs/benchmarks.md is written. What needs PostgreSQL finds it with DATABASE_URL, by default
postgres://postgres@127.0.0.1:5432/test; where that does not answer, it is left out and no document is written.`

const refuse = (sentence) => {
  console.error(`${sentence}\n--help prints the options.`)
  process.exit(1)
}

const option = (value) => ({ type: "string", default: value })

const parsed = (args, names) => {
  try {
    return parseArgs({
      args,
      options: {
        rounds: option("5"),
        requests: option("8000"),
        connections: option("32"),
        rows: option("200000"),
        only: option(names.join(",")),
        check: { type: "boolean", default: false },
        build: { type: "boolean", default: false },
        soak: { type: "string" },
        help: { type: "boolean", default: false }
      }
    }).values
  } catch ({ message }) {
    return refuse(message)
  }
}

const number = (values, name, atLeast, isRight = Number.isSafeInteger) => {
  const value = Number(values[name])
  if (isRight(value) && value >= atLeast) return value
  const kind = isRight === Number.isSafeInteger ? "a whole number" : "a number"
  return refuse(`--${name} takes ${kind} from ${atLeast} on, and not '${values[name]}'.`)
}

/** The options, or the end of this process with a sentence that says what is wrong with them. */
export const read = (args, names) => {
  const values = parsed(args, names)
  if (values.help) {
    console.log(help(names))
    process.exit()
  }
  const chosen = values.only.split(",")
  const unknown = chosen.filter((name) => !names.includes(name))
  if (unknown.length > 0) refuse(`There is no part '${unknown.join("', '")}', but ${names.join(", ")}.`)
  const connections = number(values, "connections", 1)
  return {
    chosen,
    check: values.check,
    mustBuild: values.build,
    minutes: values.soak === undefined ? undefined : number(values, "soak", 1, Number.isFinite),
    load: {
      rounds: number(values, "rounds", 5),
      // One for each connection at least.
      requests: number(values, "requests", connections),
      connections,
      rows: number(values, "rows", 60_000),
      seconds: 30
    }
  }
}
