// Reading a chain back.
import { Effect } from "effect"
import { hash } from "node:crypto"
import * as fs from "node:fs"
import { join } from "node:path"
import * as AuditChain from "../../../dist/AuditChain.js"
import { pair, requireAll, sealed } from "./durable.mjs"

const eachLine = (bytes, use) => {
  let count = 0
  for (let from = 0, end; (end = bytes.indexOf(10, from)) !== -1; from = end + 1) {
    use(bytes.subarray(from, end))
    count++
  }
  return { count }
}

const written = async (folder) => {
  const path = join(folder, "verified")
  await requireAll(path, sealed, 512, 100)
  return fs.readFileSync(path)
}

export const contestants = {
  hash: async (folder) => {
    const bytes = await written(folder)
    return async () => eachLine(bytes, (line) => hash("sha256", line))
  },
  verifier: async (folder) => {
    const bytes = await written(folder)
    const key = Effect.runSync(AuditChain.publicKey(pair.publicKey.export({ type: "spki", format: "pem" }).toString()))
    return async () => {
      const verifier = AuditChain.verifier({ keys: [key] })
      const read = eachLine(bytes, verifier.line)
      const { problem } = verifier.end()
      if (problem !== undefined) throw new Error(problem.message)
      return read
    }
  }
}
