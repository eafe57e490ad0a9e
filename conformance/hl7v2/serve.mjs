// Receives messages over MLLP with simple-hl7 and answers AA; prints a line of JSON for each, and its port first:
//   node serve.mjs PACKAGES
import { createRequire } from 'node:module'
import { join } from 'node:path'

const require = createRequire(join(process.argv[2], 'x.js'))
const hl7 = require('simple-hl7')
const app = hl7.tcp()
app.use((req, res, next) => {
  const m = req.msg
  console.log(JSON.stringify({ type: req.type, event: req.event, control: m.header.getField(8).toString(), raw: req.raw }))
  next()
})
app.use((req, res, next) => { res.end(); next() })
const started = app.start(0)
started.server.on('listening', () => console.log(JSON.stringify({ port: started.server.address().port })))
