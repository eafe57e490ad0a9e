// Drives UPS-RS (PS3.18 11) of a running gateway as a performer, a scheduler and a watcher do, with Node's fetch and the npm
// package ws. Arguments: step, base URL of the DICOMweb service, folder of the npm packages, file that carries what
// one step leaves for the next. Prints one line of JSON for each check: {"check": ..., "error": ...}.
import { readFileSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const [step, base, cache, notes] = process.argv.slice(2);
const { WebSocket } = createRequire(cache + '/')('ws');
const json = { 'Content-Type': 'application/dicom+json' };
const worklist = '1.2.840.10008.5.1.4.34.5';
const filtered = worklist + '.1';
const patience = 60_000;

const say = (check, error) => console.log(JSON.stringify({ check, error: error ?? '' }));
const same = (check, got, want) => say(check, String(got) === String(want) ? '' : `got ${got}, want ${want}`);

async function call(method, path, body, headers) {
  const r = await fetch(base + path, { method, body: body && (typeof body === 'string' ? body : JSON.stringify(body)), headers: { ...(body ? json : {}), ...headers } });
  const text = await r.text();
  return { status: r.status, warning: r.headers.get('warning') ?? '', location: r.headers.get('content-location'), type: r.headers.get('content-type') ?? '', text };
}

async function expect(check, status, warning, ...request) {
  const r = await call(...request);
  say(check, r.status !== status ? `status ${r.status}, want ${status}: ${r.text}` : warning && !r.warning.includes(warning) ? `Warning: ${r.warning}` : '');
  return r;
}

const one = (vr, ...Value) => ({ vr, Value });
const code = (value, meaning) => one('SQ', { '00080100': one('SH', value), '00080102': one('SH', 'DCM'), '00080104': one('LO', meaning) });
const workitem = (more) => ({
  '00741000': one('CS', 'SCHEDULED'), '00741200': one('CS', 'MEDIUM'), '00741204': one('LO', 'Đọc phim ngực'), '00404005': one('DT', '20261122080000'),
  '00404041': one('CS', 'READY'), '00404018': code('110005', 'Interpretation'), '00100010': one('PN', { Alphabetic: 'Nguyễn^Văn A' }), '00100020': one('LO', 'VN1'), ...more,
});
const state = (to, transaction) => ({ '00741000': one('CS', to), ...(transaction && { '00081195': one('UI', transaction) }) });
const value = (set, tag) => set[tag]?.Value?.[0];

// A channel gathers the reports of one subscriber.
class Channel {
  constructor(ae, options) {
    this.reports = [];
    this.socket = new WebSocket(base.replace(/^http/, 'ws') + '/ws/subscribers/' + ae, options);
    this.socket.on('message', (data, binary) => {
      this.reports.push(binary ? { binary: true } : JSON.parse(data));
      this.look?.();
    });
    this.opened = new Promise((resolve, reject) => {
      this.socket.on('open', resolve);
      this.socket.on('error', reject);
    });
    this.closed = new Promise((resolve) => this.socket.on('close', (why) => resolve(why)));
  }

  // take waits for n reports and gives them as "type uid state-or-whatever".
  async take(n) {
    const enough = new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`${this.reports.length} of ${n} reports: ${this.reports.map(brief)}`)), patience);
      this.look = () => {
        if (this.reports.length >= n) {
          clearTimeout(late);
          resolve();
        }
      };
      this.look();
    });
    await enough;
    return this.reports.splice(0, n).map(brief);
  }

  // after takes one report. Reports of a list come before it if the peer did not get to confirm them: they come again.
  async after(list) {
    for (;;) {
      const [got] = await this.take(1);
      if (!list.includes(got)) return got;
    }
  }

  async close() {
    this.socket.close();
    await this.closed;
  }
}

function brief(r) {
  const [type, uid] = [value(r, '00001002'), value(r, '00001000')];
  const told = { 1: () => `${value(r, '00741000')}/${value(r, '00404041')}`, 2: () => value(r, '00741236'), 3: () => value(value(r, '00741002'), '00741004'), 4: () => value(r, '00741242'), 5: () => 'assigned' };
  return `${type} ${uid} ${told[type]?.()}`;
}

const performed = {
  '00741216': one('SQ', {
    '00404028': code('CT1', 'CT one'), '00404050': one('DT', '20261122080100'), '00404051': one('DT', '20261122081500'), '00404019': code('110005', 'Interpretation'), '00404033': { vr: 'SQ' },
  }),
};

const steps = {
  // The life of a workitem: the Transaction UID locks it, reports reach who is subscribed.
  async life() {
    const [uid, lock] = ['2.25.1', '2.25.77'];
    await expect('create', 201, 'created with modifications', 'POST', `/workitems?workitem=${uid}`, workitem());
    await expect('create again', 409, '', 'POST', `/workitems?${uid}`, workitem());
    await expect('create in progress', 400, '', 'POST', '/workitems?2.25.2', workitem({ '00741000': one('CS', 'IN PROGRESS') }));
    await expect('create without a label', 400, '', 'POST', '/workitems?2.25.2', workitem({ '00741204': undefined }));
    await expect('create with a Transaction UID', 400, '', 'POST', '/workitems?2.25.2', workitem({ '00081195': one('UI', lock) }));
    const named = await expect('create without a UID', 201, '', 'POST', '/workitems', workitem({ '00100020': one('LO', 'VN2') }));
    say('Location of a UID that was made', /\/workitems\/2\.25\.\d+$/.test(named.location) ? '' : named.location);

    const sub = await expect('subscribe', 201, '', 'POST', `/workitems/${uid}/subscribers/WATCHER?deletionlock=true`);
    same('where the channel is', sub.location, base.replace(/^http/, 'ws') + '/ws/subscribers/WATCHER');
    const watcher = new Channel('WATCHER');
    await watcher.opened;
    same('the state on subscribing', await watcher.take(1), `1 ${uid} SCHEDULED/READY`);

    await expect('update', 200, '', 'POST', `/workitems/${uid}`, { '00404041': one('CS', 'UNAVAILABLE') });
    await expect('update with a Transaction UID of a SCHEDULED one', 409, 'did not reference a claimed Workitem', 'POST', `/workitems/${uid}?transaction-uid=${lock}`, { '00404041': one('CS', 'READY') });
    await expect('update of the state', 400, '', 'POST', `/workitems/${uid}`, { '00741000': one('CS', 'IN PROGRESS') });
    await expect('claim without a Transaction UID', 400, 'Transaction UID is missing', 'PUT', `/workitems/${uid}/state`, state('IN PROGRESS'));
    await expect('complete what nobody performs', 409, 'claimed', 'PUT', `/workitems/${uid}/state`, state('COMPLETED', lock));
    await expect('claim', 200, '', 'PUT', `/workitems/${uid}/state/PERFORMER`, state('IN PROGRESS', lock));
    await expect('claim again', 409, 'inconsistent', 'PUT', `/workitems/${uid}/state`, state('IN PROGRESS', lock));
    await expect('claim what another performs', 400, 'Transaction UID is incorrect', 'PUT', `/workitems/${uid}/state`, state('IN PROGRESS', '2.25.78'));
    await expect('back to SCHEDULED', 400, '', 'PUT', `/workitems/${uid}/state`, state('SCHEDULED', lock));
    await expect('update without the Transaction UID', 400, 'missing', 'POST', `/workitems/${uid}`, { '00404041': one('CS', 'READY') });
    await expect('update with another Transaction UID', 400, 'incorrect', 'POST', `/workitems/${uid}?2.25.78`, { '00404041': one('CS', 'READY') });
    await expect('progress', 200, '', 'POST', `/workitems/${uid}?${lock}`, { '00741002': one('SQ', { '00741004': one('DS', 40) }) });
    await expect('assign', 200, '', 'POST', `/workitems/${uid}`, { '00081195': one('UI', lock), '00404025': code('CT1', 'CT one') });
    await expect('cancellation is asked for', 202, '', 'POST', `/workitems/${uid}/cancelrequest/SCHEDULER`, { '00741238': one('LT', 'patient left') });
    await expect('complete too early', 409, 'inconsistent', 'PUT', `/workitems/${uid}/state`, state('COMPLETED', lock));
    await expect('cancel without a reason', 409, 'inconsistent', 'PUT', `/workitems/${uid}/state`, state('CANCELED', lock));
    await expect('result', 200, '', 'POST', `/workitems/${uid}?transaction=${lock}`, performed);
    await expect('complete with another Transaction UID', 400, 'incorrect', 'PUT', `/workitems/${uid}/state`, state('COMPLETED', '2.25.78'));
    await expect('complete', 200, '', 'PUT', `/workitems/${uid}/state`, state('COMPLETED', lock));
    await expect('complete again', 200, 'already in the requested state of COMPLETED', 'PUT', `/workitems/${uid}/state`, state('COMPLETED', lock));
    await expect('cancel what is completed', 409, 'inconsistent', 'PUT', `/workitems/${uid}/state`, state('CANCELED', lock));
    await expect('ask to cancel what is completed', 409, 'already COMPLETED', 'POST', `/workitems/${uid}/cancelrequest`);
    await expect('update of what is completed', 400, 'inconsistent', 'POST', `/workitems/${uid}?${lock}`, { '00404041': one('CS', 'READY') });
    same('reports', await watcher.take(6), [
      `1 ${uid} SCHEDULED/UNAVAILABLE`, `1 ${uid} IN PROGRESS/UNAVAILABLE`, `3 ${uid} 40`, `5 ${uid} assigned`, `2 ${uid} SCHEDULER`, `1 ${uid} COMPLETED/UNAVAILABLE`,
    ]);
    await watcher.close();

    const got = await call('GET', `/workitems/${uid}`);
    const set = JSON.parse(got.text)[0];
    same('the Transaction UID is not shown', set['00081195'], undefined);
    same('state', value(set, '00741000'), 'COMPLETED');
    const xml = await expect('as XML', 200, '', 'GET', `/workitems/${uid}`, undefined, { Accept: 'application/dicom+xml' });
    say('XML', xml.type === 'application/dicom+xml' && xml.text.includes('<Value number="1">COMPLETED</Value>') ? '' : xml.text);
    await expect('nothing acceptable', 406, '', 'GET', `/workitems/${uid}`, undefined, { Accept: 'image/jpeg' });
    await expect('no such workitem', 404, '', 'GET', '/workitems/2.25.404');
    await expect('no such workitem to change', 404, '', 'PUT', '/workitems/2.25.404/state', state('IN PROGRESS', lock));
    await expect('no payload that is known', 415, '', 'POST', '/workitems?2.25.3', 'x', { 'Content-Type': 'text/plain' });
    await expect('a broken payload', 400, '', 'POST', '/workitems?2.25.3', '{"00741000":', {});
  },

  // Canceling, searching, and a workitem in XML.
  async more() {
    await expect('XML', 201, '', 'POST', '/workitems?2.25.10', `<?xml version="1.0" encoding="UTF-8"?>
      <NativeDicomModel xmlns="http://dicom.nema.org/PS3.19/models/NativeDICOM">
      <DicomAttribute tag="00404005" vr="DT" keyword="ScheduledProcedureStepStartDateTime"><Value number="1">20261201090000</Value></DicomAttribute>
      <DicomAttribute tag="00404041" vr="CS" keyword="InputReadinessState"><Value number="1">INCOMPLETE</Value></DicomAttribute>
      <DicomAttribute tag="00741000" vr="CS" keyword="ProcedureStepState"><Value number="1">SCHEDULED</Value></DicomAttribute>
      <DicomAttribute tag="00741200" vr="CS" keyword="ScheduledProcedureStepPriority"><Value number="1">HIGH</Value></DicomAttribute>
      <DicomAttribute tag="00741204" vr="LO" keyword="ProcedureStepLabel"><Value number="1">CAD</Value></DicomAttribute>
      </NativeDicomModel>`, { 'Content-Type': 'application/dicom+xml' });
    await expect('nobody could be told', 201, '', 'POST', '/workitems?2.25.11', workitem());
    await expect('claim', 200, '', 'PUT', '/workitems/2.25.11/state', state('IN PROGRESS', '2.25.79'));
    await expect('cancel without anybody to tell', 409, 'performer cannot be contacted', 'POST', '/workitems/2.25.11/cancelrequest');
    await expect('cancel what is SCHEDULED', 202, '', 'POST', '/workitems/2.25.10/cancelrequest', { '00741238': one('LT', 'twice ordered') });
    await expect('cancel again', 202, 'already in the requested state of CANCELED', 'POST', '/workitems/2.25.10/cancelrequest');
    const gone = JSON.parse((await call('GET', '/workitems/2.25.10')).text)[0];
    same('canceled, why', [value(gone, '00741000'), value(value(gone, '00741002'), '00741238')], 'CANCELED,twice ordered');

    const found = async (query) => {
      const r = await call('GET', `/workitems?${query}`);
      return r.status === 200 ? JSON.parse(r.text).map((s) => value(s, '00080018')).filter((u) => u.length < 10) : r.status;
    };
    same('by state', await found('ProcedureStepState=COMPLETED'), '2.25.1');
    same('by states', await found('00741000=CANCELED%5CIN%20PROGRESS'), '2.25.11,2.25.10');
    same('by patient', await found('PatientID=VN1'), '2.25.1,2.25.11');
    same('by name', await found('PatientName=nguyen*&fuzzymatching=true&SOPInstanceUID=2.25.1,2.25.11&offset=1&limit=1'), '2.25.11');
    same('by start', await found('ScheduledProcedureStepStartDateTime=20261130-'), '2.25.10');
    same('by code', await found('ScheduledWorkitemCodeSequence.CodeValue=110005'), '2.25.1,2.25.11');
    same('by label', await found('ProcedureStepLabel=C?D'), '2.25.10');
    same('by UID', await found('SOPInstanceUID=2.25.1,2.25.10'), '2.25.1,2.25.10');
    same('by a bad date', await found('ScheduledProcedureStepStartDateTime=yesterday'), 400);
    same('nothing', (await call('GET', '/workitems?PatientID=NOBODY')).text, '[]');
    const first = await call('GET', '/workitems?limit=1&includefield=00741216');
    say('more than the limit', first.warning.includes('additional results') ? '' : first.warning);
    same('includefield', value(JSON.parse(first.text)[0], '00741216') !== undefined, true);
    say('the lock cannot be searched for', (await call('GET', '/workitems?TransactionUID=2.25.79')).warning.includes('ignored') ? '' : 'no warning');
  },

  // W28: subscriptions to the Worklist and to a part of it, suspended; reports wait for who is away.
  async subscribe() {
    await expect('subscribe to the Worklist', 201, '', 'POST', `/workitems/${worklist}/subscribers/ALL`);
    await expect('subscribe to a part', 201, '', 'POST', `/workitems/${filtered}/subscribers/PART?deletionlock=true&filter=${encodeURIComponent('WorklistLabel=CAD,ScheduledProcedureStepPriority=HIGH')}`);
    await expect('a part without a filter', 400, '', 'POST', `/workitems/${filtered}/subscribers/PART2`);
    await expect('create', 201, '', 'POST', '/workitems?2.25.20', workitem());
    await expect('create in the part', 201, '', 'POST', '/workitems?2.25.21', workitem({ '00741202': one('LO', 'CAD'), '00741200': one('CS', 'HIGH') }));
    await expect('suspend', 200, '', 'POST', `/workitems/${worklist}/subscribers/ALL/suspend`);
    await expect('suspend what is not there', 404, '', 'POST', `/workitems/${worklist}/subscribers/NOBODY/suspend`);
    await expect('suspend that of one workitem', 400, '', 'POST', '/workitems/2.25.20/subscribers/ALL/suspend');
    await expect('create while suspended', 201, '', 'POST', '/workitems?2.25.22', workitem());
    await expect('an old one changes', 200, '', 'POST', '/workitems/2.25.20', { '00404041': one('CS', 'INCOMPLETE') });
    await expect('unsubscribe from one', 200, '', 'DELETE', '/workitems/2.25.21/subscribers/ALL');
    await expect('unsubscribe again', 404, '', 'DELETE', '/workitems/2.25.21/subscribers/ALL');
    await expect('it changes', 200, '', 'POST', '/workitems/2.25.21', { '00404041': one('CS', 'UNAVAILABLE') });
    writeFileSync(notes, JSON.stringify({
      ALL: ['1 2.25.20 SCHEDULED/READY', '1 2.25.21 SCHEDULED/READY', '1 2.25.20 SCHEDULED/INCOMPLETE'],
      PART: ['1 2.25.21 SCHEDULED/READY', '1 2.25.21 SCHEDULED/UNAVAILABLE'],
    }));
  },

  // After the gateway was killed and started again, and its index made again: what waited is there, in order.
  async reopen() {
    for (const [ae, want] of Object.entries(JSON.parse(readFileSync(notes)))) {
      const c = new Channel(ae);
      await c.opened;
      same(`what waited for ${ae}`, await c.take(want.length + 1), [`4 ${worklist} RESTARTED`, ...want]);
      await c.close();
    }
  },

  // What was delivered does not come again; what comes next does, on every channel of the AE.
  async next() {
    const [a, b] = [new Channel('ALL'), new Channel('ALL')];
    await Promise.all([a.opened, b.opened]);
    await expect('change', 200, '', 'POST', '/workitems/2.25.20', { '00404041': one('CS', 'UNAVAILABLE') });
    const want = '1 2.25.20 SCHEDULED/UNAVAILABLE';
    const before = JSON.parse(readFileSync(notes)).ALL;
    same('one channel', await a.after(before), want);
    same('the other', await b.after(before), want);
    await b.close();
    await expect('change again', 200, '', 'POST', '/workitems/2.25.20', { '00404041': one('CS', 'INCOMPLETE') });
    same('the one that is left', await a.take(1), '1 2.25.20 SCHEDULED/INCOMPLETE');
    await expect('unsubscribe from the Worklist', 200, '', 'DELETE', `/workitems/${worklist}/subscribers/ALL`);
    await expect('unsubscribe again', 404, '', 'DELETE', `/workitems/${worklist}/subscribers/ALL`);
    const last = a.take(1);
    say('stop now');
    same('the gateway stops', await last, `4 ${worklist} GOING DOWN`);
    same('why the channel ends', await a.closed, 1001);
  },

  // A channel is a WebSocket, and a page of another origin has none.
  async refused() {
    const plain = await call('GET', '/ws/subscribers/X');
    same('no WebSocket', plain.status, 426);
    const foreign = new Channel('X', { origin: 'https://evil.example' });
    const why = await foreign.opened.then(() => 'opened', (e) => e.message);
    same('another origin', why, 'Unexpected server response: 403');
    const own = new Channel('X', { origin: base.replace(/(https?:\/\/[^/]+).*/, '$1') });
    await own.opened;
    await own.close();
    const bad = new Channel('THIS-IS-TOO-LONG-A-TITLE');
    same('an AE title that is too long', await bad.opened.then(() => 'opened', (e) => e.message), 'Unexpected server response: 400');
  },
};

await steps[step]();
