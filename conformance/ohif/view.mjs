// Opens views in OHIF, one after the other in one headless Chromium, and prints what came of each as one line of JSON.
//
//   node view.mjs '{"ohif": URL, "dicomweb": URL, "screenshots": FOLDER or "", "grid": N, "views": [{"name", "study", "frame", "pdf"}]}'
//
// A view is a study with one image, of which the frame (from 1) is to be seen, or, with pdf, one with a document. Of a picture
// the average colour of each cell of a grid over the image is printed, as the canvas shows it. Nothing is given a time of its own: states
// are waited for, each at most `patience`.
import { createRequire } from 'node:module'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const { chromium } = createRequire(join(process.cwd(), 'package.json'))('playwright-core')
const { ohif, dicomweb, screenshots, grid, views } = JSON.parse(process.argv[2])
const patience = 180_000

const profile = mkdtempSync(join(tmpdir(), 'halong-chromium-'))
const context = await chromium.launchPersistentContext(profile, {
  executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
  headless: true,
  timeout: patience,
  viewport: { width: 1280, height: 800 },
  args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-dev-shm-usage',
    '--disable-component-update', '--disable-sync', '--enable-unsafe-swiftshader', '--use-gl=angle', '--use-angle=swiftshader'],
})

// look gives the viewport's picture once the frame is rendered in it; null before.
const look = async ({ study, frame, grid }) => {
  const found = (window.cornerstone?.getRenderingEngines?.() ?? []).flatMap(e => e.getViewports())
  const vp = found.find(v => v.getImageData?.() && v.getCurrentImageId?.()?.includes(study))
  if (!vp) return null
  if (vp.getCurrentImageIdIndex() !== frame - 1) {
    if (vp.getImageIds().length >= frame) vp.setImageIdIndex(frame - 1)
    return null
  }
  if (vp.getCornerstoneImage()?.imageId !== vp.getCurrentImageId()) return null // chosen, and still being loaded: the one before is on the screen
  vp.render()
  await new Promise(drawn => requestAnimationFrame(() => requestAnimationFrame(drawn)))
  if (vp.viewportStatus !== 'rendered' || vp.getCurrentImageIdIndex() !== frame - 1) return null
  const { imageData, dimensions } = vp.getImageData()
  const canvas = vp.getCanvas()
  const corner = (i, j) => vp.worldToCanvas(imageData.indexToWorld([i, j, 0]))
  const [x0, y0] = corner(-0.5, -0.5)
  const [x1, y1] = corner(dimensions[0] - 0.5, dimensions[1] - 0.5)
  const ratio = canvas.width / canvas.clientWidth
  const copy = document.createElement('canvas')
  copy.width = canvas.width
  copy.height = canvas.height
  const ctx = copy.getContext('2d')
  ctx.drawImage(canvas, 0, 0)
  const all = ctx.getImageData(0, 0, copy.width, copy.height).data
  const cells = []
  const levels = new Set()
  for (let r = 0; r < grid; r++) {
    for (let c = 0; c < grid; c++) {
      const sum = [0, 0, 0]
      let n = 0
      const at = (a, b, k) => Math.round((a + (b - a) * k / grid) * ratio)
      for (let y = at(y0, y1, r); y < at(y0, y1, r + 1); y++) {
        for (let x = at(x0, x1, c); x < at(x0, x1, c + 1); x++) {
          const i = 4 * (y * copy.width + x)
          for (const k of [0, 1, 2]) sum[k] += all[i + k]
          levels.add(all[i])
          n++
        }
      }
      cells.push(sum.map(s => Math.round(10 * s / n) / 10))
    }
  }
  return { columns: dimensions[0], rows: dimensions[1], frames: vp.getImageIds().length, levels: levels.size, cells }
}

// shown gives the PDF document that the page shows; null before.
const shown = async () => {
  const e = document.querySelector('object[type="application/pdf"], embed[type="application/pdf"]')
  const url = e?.data || e?.src
  if (!url) return null
  const bytes = await (await fetch(url)).arrayBuffer()
  const digest = await crypto.subtle.digest('SHA-256', bytes)
  const { x, y, width, height } = e.getBoundingClientRect()
  return { sha256: [...new Uint8Array(digest)].map(b => b.toString(16).padStart(2, '0')).join(''), x, y, width, height }
}

// paper waits until a part of the screen shows a page, white with something dark on it, and gives how much of it is white and dark.
// The browser draws documents by a process of its own, so that only the screen tells.
async function paper(clip) {
  const end = Date.now() + patience
  let seen = null
  for (; Date.now() < end; await page.waitForTimeout(250)) {
    const png = (await page.screenshot({ clip, timeout: patience })).toString('base64')
    seen = await page.evaluate(async png => {
      const picture = await createImageBitmap(await (await fetch(`data:image/png;base64,${png}`)).blob())
      const ctx = new OffscreenCanvas(picture.width, picture.height).getContext('2d')
      ctx.drawImage(picture, 0, 0)
      const d = ctx.getImageData(0, 0, picture.width, picture.height).data
      let white = 0
      let dark = 0
      for (let i = 0; i < d.length; i += 4) {
        if (d[i] > 250 && d[i + 1] > 250 && d[i + 2] > 250) white++
        if (d[i] < 20 && d[i + 1] < 20 && d[i + 2] < 20) dark++
      }
      return { white: white * 4 / d.length, dark: dark * 4 / d.length }
    }, png)
    if (seen.white > 0.1 && seen.dark > 0) break
  }
  return seen
}

// settled asks until the answer is there twice alike: nothing is being drawn any more.
async function settled(question, argument) {
  const end = Date.now() + patience
  let before = ''
  for (; Date.now() < end; await page.waitForTimeout(100)) {
    const answer = await page.evaluate(question, argument).catch(() => null) // the page may be changing
    const now = JSON.stringify(answer)
    if (answer && now === before) return answer
    before = now
  }
  return null
}

let result
const page = await context.newPage()
page.on('response', r => {
  if (!r.url().startsWith(dicomweb)) return
  const line = `${r.request().method()} ${r.status()} ${r.url().slice(dicomweb.length)}`
  result.requests.push(line)
  if (r.status() >= 400) result.failed.push(line)
})
page.on('requestfailed', r => {
  if (r.url().startsWith(dicomweb) && r.failure()?.errorText !== 'net::ERR_ABORTED') result.failed.push(`${r.failure()?.errorText} ${r.url()}`)
})
page.on('pageerror', e => result.errors.push(String(e)))
page.on('console', m => { if (m.type() === 'error') result.errors.push(m.text()) })

// open shows a study: the first by loading the application, the others as its own links do, so that it is loaded once.
async function open(study) {
  const path = `/viewer?StudyInstanceUIDs=${study}`
  if (!page.url().startsWith(ohif)) return page.goto(ohif + path, { waitUntil: 'load', timeout: patience })
  return page.evaluate(path => {
    history.pushState({}, '', path)
    dispatchEvent(new PopStateEvent('popstate', { state: {} }))
  }, path)
}

for (const view of views) {
  result = { name: view.name, requests: [], failed: [], errors: [] }
  const began = Date.now()
  try {
    await open(view.study)
    if (view.pdf) {
      const found = await settled(shown)
      result.document = found && { ...found, ...await paper(found) }
    }
    if (!view.pdf) result.picture = await settled(look, { study: view.study, frame: view.frame, grid })
    if (screenshots) await page.screenshot({ path: join(screenshots, `${view.name.replaceAll(/\W+/g, '-')}.png`), timeout: patience })
  } catch (e) {
    result.errors.push(String(e))
  }
  result.seconds = (Date.now() - began) / 1000
  console.log(JSON.stringify(result))
}
await context.close()
rmSync(profile, { recursive: true, force: true })
