// `node child.mjs <module> <contestant> <folder> [<argument>…]`: one round of a contestant that needs no server, told to the parent.
import { mkdtempSync, rmSync } from "node:fs"
import { join } from "node:path"
import { measure, ownCpu } from "./measure.mjs"

const [module, name, folder, ...args] = process.argv.slice(2)
process.on("disconnect", () => process.exit())

const own = mkdtempSync(join(folder, "round-"))
const { contestants } = await import(`./work/${module}.mjs`)
const work = await contestants[name](own, ...args)
// Once to warm up, then once that counts.
await work()
const result = await measure(work, [ownCpu])
rmSync(own, { recursive: true })
process.send(result, () => process.disconnect())
