import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { assert, describe, it } from "vitest"
import * as Campaign from "./campaign.js"

// A worker goes on when its runner is killed; and its children live as long as it does.
process.once("disconnect", () => process.kill(process.pid))

describe("200 kills", () => {
  it("lose nothing that was acknowledged", { timeout: 300_000 }, async ({ signal }) => {
    const folder = mkdtempSync(join(tmpdir(), "audit-crash-"))
    const { figures, done } = Campaign.start({ kills: 200, seed: 1, folder, lanes: 3, signal })
    // Otherwise the folder stays: it shows what is wrong.
    await done
    rmSync(folder, { recursive: true })

    assert.isAtLeast(figures.kills, 200)
    // That it has tried what it is for.
    assert.isAtLeast(figures.aimed, 30, "kills at chosen operations")
    assert.isAtLeast(figures.recovered, 50, "recoveries")
    assert.isAtLeast(figures.acknowledged, 500, "acknowledged events")
  })
})
