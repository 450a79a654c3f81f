// The packages that a run needs: those that it compares with are installed beside it, the others in the project.
import { spawnSync } from "node:child_process"
import * as fs from "node:fs"
import { join, resolve } from "node:path"

const here = import.meta.dirname
const root = resolve(here, "../..")
const npm = (...args) => {
  const { status } = spawnSync("npm", args, { cwd: root, stdio: "inherit", shell: process.platform === "win32" })
  return status === 0
}

const read = (...path) => JSON.parse(fs.readFileSync(join(...path, "package.json"), "utf8"))
const { dependencies } = read(here)

/** The versions are exact: what is there and what is asked for are the same, or it is installed. */
const isInstalled = ([name, version]) => {
  const folder = join(here, "node_modules", name)
  return fs.existsSync(join(folder, "package.json")) && read(folder).version === version
}

export const build = () => {
  if (!npm("run", "build")) throw new Error("The library could not be built")
}

export const install = () => {
  if (Object.entries(dependencies).every(isInstalled)) return
  if (!npm("install", "--prefix", here, "--no-audit", "--no-fund")) {
    throw new Error("What the benchmarks compare with could not be installed")
  }
}

/** "effect 3.22.2", and so on. */
export const versions = () => {
  const own = [
    "effect",
    "@effect/platform",
    "@effect/platform-node",
    "@effect/sql",
    "pg",
    "better-sqlite3",
    "typescript"
  ]
  return [
    ...own.map((name) => `${name} ${read(root, "node_modules", name).version}`),
    ...Object.entries(dependencies).map(([name, version]) => `${name} ${version}`)
  ]
}
