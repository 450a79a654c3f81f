// Removes folders of this repository: `node scripts/clean.mjs dist`.
import { rmSync } from "node:fs"
import { dirname, resolve, sep } from "node:path"
import { fileURLToPath } from "node:url"

const root = dirname(dirname(fileURLToPath(import.meta.url)))

for (const name of process.argv.slice(2)) {
  const folder = resolve(root, name)
  if (!folder.startsWith(root + sep)) throw new Error(`'${name}' is not inside the repository`)
  rmSync(folder, { recursive: true, force: true })
}
