// What the compiler takes for programs of many errors and events.
import { once } from "node:events"
import { join, resolve } from "node:path"
import { machineCpu, isDisturbed } from "./measure.mjs"
import { spawn } from "./processes.mjs"
import { interleave } from "./rounds.mjs"
import { write } from "./sources.mjs"

const compiler = resolve(import.meta.dirname, "../../node_modules/typescript/lib/tsc.js")
/** Before the compiler ends, it tells the CPU time that it has used. */
const tellCpu = `data:text/javascript,process.on("exit",()=>console.log("Cpu: "+Object.values(process.cpuUsage()).reduce((a,b)=>a+b)))`

const check = async (program) => {
  const before = machineCpu()
  const start = performance.now()
  const options = ["-p", program, "--extendedDiagnostics", "--pretty", "false"]
  const child = spawn(process.execPath, ["--import", tellCpu, compiler, ...options], {
    stdio: ["ignore", "pipe", "inherit"]
  })
  let output = ""
  child.stdout.on("data", (text) => (output += text))
  const [code] = await once(child, "close")
  if (code !== 0) throw new Error(`The program in ${program} does not compile:\n${output.slice(0, 2000)}`)
  const value = (name) => Number(new RegExp(`^${name}:\\s+([\\d.]+)`, "m").exec(output)?.[1])
  return {
    total: value("Total time"),
    check: value("Check time"),
    instantiations: value("Instantiations"),
    memory: value("Memory used") / 1024,
    disturbed: isDisturbed(before, value("Cpu"), (performance.now() - start) / 1000)
  }
}

export const compare = async ({ title, contestants }, { rounds, folder }) => {
  const programs = new Map(
    Object.entries(contestants).map(([key, program]) => [key, write(join(folder, "types"), program)])
  )
  return interleave({ title, contestants, rounds }, (_, key) => check(programs.get(key)))
}
