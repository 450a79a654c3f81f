// Runs a bundle with the code that V8 compiled the last time, which takes two thirds of the time: `start.cjs BUNDLE`.
// With a second argument the program saves that code when it ends.
const { existsSync, readFileSync, writeFileSync } = require("node:fs")
const { Script } = require("node:vm")

const [, , bundle, saves] = process.argv
const cache = `${bundle}.cache`
const script = new Script(
  `(function (exports, require, module, __filename, __dirname) {${readFileSync(bundle, "utf8")}\n})`,
  {
    filename: bundle,
    cachedData: existsSync(cache) ? readFileSync(cache) : undefined
  }
)
const loaded = { exports: {} }
if (saves !== undefined) process.on("exit", () => writeFileSync(cache, script.createCachedData()))
script.runInThisContext()(loaded.exports, require, loaded, bundle, __dirname)
