// Where a run is: one line that changes on a terminal, a line each elsewhere.
const start = performance.now()
const { stderr } = process

const elapsed = () => {
  const seconds = Math.round((performance.now() - start) / 1000)
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`
}

export const step = (text) => {
  const line = `${elapsed()}  ${text}`
  stderr.write(stderr.isTTY ? `\r\x1b[K${line.slice(0, stderr.columns - 1)}` : `${line}\n`)
}

export const clear = () => {
  if (stderr.isTTY) stderr.write("\r\x1b[K")
}
