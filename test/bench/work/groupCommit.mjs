// A group commit as one writes it without the library: what waits is written at once, synced once, and acknowledged.
import assert from "node:assert/strict"
import * as fs from "node:fs"

export const open = (path) => {
  const file = fs.openSync(path, "a")
  let lines = []
  let waiting = []
  let isRunning = false

  const fail = (error) => {
    throw error
  }

  const commit = () => {
    if (waiting.length === 0) {
      isRunning = false
      return
    }
    const block = Buffer.from(lines.join(""))
    const acknowledged = waiting
    lines = []
    waiting = []
    fs.write(file, block, (error, bytes) => {
      if (error) fail(error)
      assert.equal(bytes, block.length)
      fs.fsync(file, (error) => {
        if (error) fail(error)
        for (const acknowledge of acknowledged) acknowledge()
        // After those who were told have added their next ones.
        setImmediate(commit)
      })
    })
  }

  return {
    append: (line) =>
      new Promise((resolve) => {
        lines.push(line)
        waiting.push(resolve)
        if (isRunning) return
        isRunning = true
        setImmediate(commit)
      }),
    close: () => fs.closeSync(file)
  }
}
