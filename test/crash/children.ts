/**
 * The children as processes: bundled once, because hundreds of them start, and each loaded before its time has come, so that
 * it begins the moment the one before it has died.
 */
import { spawn, type ChildProcess } from "node:child_process"
import { createRequire } from "node:module"
import { join } from "node:path"
import { parse, type Message } from "./protocol.js"

/** What is used of esbuild, which comes with tsx. */
interface Esbuild {
  readonly buildSync: (options: {
    readonly entryPoints: ReadonlyArray<string>
    readonly outfile: string
    readonly bundle: true
    readonly platform: "node"
    readonly format: "cjs"
    readonly external: ReadonlyArray<string>
    readonly logLevel: "error"
  }) => unknown
}

/** Bundles the program into the folder, and returns the path. */
export const bundle = (folder: string, program = "child"): string => {
  const requireOfTsx = createRequire(createRequire(import.meta.url).resolve("tsx/package.json"))
  // It has no types here, because this package does not depend on it.
  const esbuild = requireOfTsx("esbuild") as Esbuild
  const outfile = join(folder, `${program}.cjs`)
  esbuild.buildSync({
    entryPoints: [join(import.meta.dirname, `${program}.ts`)],
    outfile,
    bundle: true,
    platform: "node",
    format: "cjs",
    // It is no JavaScript alone.
    external: ["better-sqlite3"],
    logLevel: "error"
  })
  return outfile
}

export interface End {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  /** When, as `performance.now()` says it. */
  readonly at: number
}

export interface Child {
  /** The milliseconds that loading took. */
  readonly ready: Promise<number>
  /** To be called once, when it is ready. */
  readonly begin: (life: object, onMessage: (message: Message) => void) => void
  readonly kill: () => void
  /** Resolves after the last message. */
  readonly ended: Promise<End>
  /** The end of what it wrote to its application log. */
  readonly log: () => string
}

const running = new Set<ChildProcess>()
process.on("exit", () => running.forEach((child) => child.kill("SIGKILL")))

export const start = (bundled: string, options: { readonly savesCode?: boolean } = {}): Child => {
  const startedAt = performance.now()
  const args = [join(import.meta.dirname, "start.cjs"), bundled, ...(options.savesCode === true ? ["saves"] : [])]
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "pipe"] })
  running.add(child)
  // It may be dead already.
  child.stdin.on("error", () => {})

  let log = ""
  child.stderr.setEncoding("utf8")
  child.stderr.on("data", (text) => {
    log = (log + String(text)).slice(-8_000)
  })

  let onMessage: (message: Message) => void = () => {}
  let isReady: (millis: number) => void = () => {}
  const ready = new Promise<number>((resolve) => {
    isReady = resolve
  })
  let rest = ""
  child.stdout.setEncoding("utf8")
  child.stdout.on("data", (text) => {
    const lines = (rest + String(text)).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) {
      const message = parse(line)
      if (message[0] === "r") isReady(performance.now() - startedAt)
      else onMessage(message)
    }
  })

  let endedAt = 0
  child.on("exit", () => {
    endedAt = performance.now()
  })
  const ended = new Promise<End>((resolve, reject) => {
    child.on("error", reject)
    child.on("close", (code, signal) => {
      running.delete(child)
      // Whoever waits for it sees how it ended.
      isReady(0)
      resolve({ code, signal, at: endedAt })
    })
  })

  return {
    ready,
    begin: (life, listener) => {
      onMessage = listener
      child.stdin.write(JSON.stringify(life) + "\n")
    },
    kill: () => void child.kill("SIGKILL"),
    ended,
    log: () => log
  }
}
