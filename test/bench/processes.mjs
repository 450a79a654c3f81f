// The processes that the benchmarks start, so that none of them outlives the run.
import { fork as forkProcess, spawn as spawnProcess } from "node:child_process"
import { once } from "node:events"
import { setTimeout as sleep } from "node:timers/promises"

const running = new Set()

const watched = (child) => {
  running.add(child)
  return child.once("exit", () => running.delete(child))
}

const env = { ...process.env, NODE_ENV: "production" }

/** What it prints is thrown away; what it complains about is shown. */
export const fork = (module, args, execArgv = []) =>
  watched(forkProcess(module, args, { env, execArgv, stdio: ["ignore", "ignore", "inherit", "ipc"] }))

export const spawn = (command, args, options) => watched(spawnProcess(command, args, { env, ...options }))

export const killAll = () => running.forEach((child) => child.kill("SIGKILL"))

const isOver = (child) => child.exitCode !== null || child.signalCode !== null

/** Resumes when it has ended, and ends it where that takes longer than ten seconds. */
export const ended = async (child) => {
  if (isOver(child)) return
  await Promise.race([once(child, "exit"), sleep(10_000, undefined, { ref: false })])
  if (!isOver(child)) child.kill("SIGKILL")
}

export const stop = (child) => {
  child.kill()
  return ended(child)
}

/** The next message, or an Error when the process ends before it. */
export const message = (child) =>
  new Promise((resolve, reject) => {
    const onExit = (code, signal) =>
      reject(new Error(`${child.spawnargs.slice(1).join(" ")} ended with ${signal ?? code}`))
    child.once("exit", onExit).once("message", (received) => {
      child.off("exit", onExit)
      resolve(received)
    })
  })

export const ask = (child, question) => {
  child.send(question)
  return message(child)
}
