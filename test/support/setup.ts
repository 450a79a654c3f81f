/** For every test file. */
import { setImmediate } from "node:timers/promises"
import { afterEach } from "vitest"

// Tests that never wait for anything real would keep the runner's worker from its messages, and the runner takes a worker that
// says nothing for a minute for dead.
afterEach(() => setImmediate())
