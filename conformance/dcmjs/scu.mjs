// What dcmjs-dimse does as SCU: reads a job, a JSON object, from the file that is its only argument, carries it out on
// one Association, and prints what came back as one JSON object. Run in the folder where npm.sh put dcmjs-dimse.
import { createRequire } from 'node:module';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import process from 'node:process';

const dimse = createRequire(process.cwd() + '/')('dcmjs-dimse');
const { Client, Dataset, requests, responses, constants, association } = dimse;
dimse.log.setLevel('silent');

const job = JSON.parse(readFileSync(process.argv[2], 'utf8'));
const said = { requests: [], received: [], reports: [], errors: [], rejected: null, accepted: null };
const client = new Client();

const commitment = '1.2.840.10008.1.20.1';
const make = {
  echo: () => new requests.CEchoRequest(),
  store: (r) => new requests.CStoreRequest(r.file),
  find: (r) => {
    const create = { study: 'createStudyFindRequest', series: 'createSeriesFindRequest', image: 'createImageFindRequest' }[r.level];
    return requests.CFindRequest[create](r.keys);
  },
  get: (r) => requests.CGetRequest.createStudyGetRequest(r.study),
  move: (r) => requests.CMoveRequest.createStudyMoveRequest(r.to, r.study),
  worklist: (r) => requests.CFindRequest.createWorklistFindRequest(r.keys),
  perform: (r) => { // N-CREATE, or N-SET, of a Modality Performed Procedure Step
    const mpps = '1.2.840.10008.3.1.2.3.3';
    const request = r.set ? new requests.NSetRequest(mpps, r.instance) : new requests.NCreateRequest(mpps, r.instance);
    request.setDataset(new Dataset(r.elements, undefined, { rejectUnknown: false }));
    return request;
  },
  commit: (r) => {
    const action = new requests.NActionRequest(commitment, '1.2.840.10008.1.20.1.1', 1);
    action.setDataset(new Dataset({
      TransactionUID: r.transaction,
      ReferencedSOPSequence: r.instances.map(([c, i]) => ({ ReferencedSOPClassUID: c, ReferencedSOPInstanceUID: i })),
    }));
    return action;
  },
};

for (const r of job.requests) {
  const request = make[r.op](r);
  const told = { op: r.op, statuses: [], answers: [], counts: null };
  said.requests.push(told);
  request.on('response', (response) => {
    told.statuses.push(response.getStatus());
    if (response.getCompleted) {
      told.counts = { completed: response.getCompleted(), failed: response.getFailures(), warned: response.getWarnings() };
    }
    if (response.hasDataset()) {
      told.answers.push(response.getDataset().getElements());
    }
  });
  client.addRequest(request);
}
for (const c of job.contexts || []) {
  const context = new association.PresentationContext(0, c.abstract);
  c.transfer.forEach((ts) => context.addTransferSyntaxUid(ts));
  client.addAdditionalPresentationContext(context, true);
}

// pixels gives the digest of an object's Pixel Data, as dcmjs decoded it.
function pixels(elements) {
  const value = elements.PixelData && elements.PixelData[0];
  return value ? createHash('sha256').update(Buffer.from(value)).digest('hex') : '';
}

client.on('associationAccepted', (a) => {
  said.accepted = {
    asyncInvoked: a.getMaxAsyncOpsInvoked(),
    asyncPerformed: a.getMaxAsyncOpsPerformed(),
    identityAnswered: a.getNegotiateUserIdentityServerResponse(),
    contexts: a.getPresentationContexts().map((c) => a.getPresentationContext(c.id).getResult()),
  };
});
client.on('associationRejected', (r) => { said.rejected = r; });
client.on('networkError', (e) => said.errors.push(String(e && e.message || e)));
client.on('cStoreRequest', (request, callback) => {
  const elements = request.getDataset().getElements();
  said.received.push({ instance: elements.SOPInstanceUID, name: elements.PatientName, pixels: pixels(elements) });
  const response = responses.CStoreResponse.fromRequest(request);
  response.setStatus(constants.Status.Success);
  callback(response);
});
client.on('nEventReportRequest', (request, callback) => {
  said.reports.push({ event: request.getEventTypeId(), ...request.getDataset().getElements() });
  const response = responses.NEventReportResponse.fromRequest(request);
  response.setStatus(constants.Status.Success);
  callback(response);
  client.network.sendAssociationReleaseRequest(); // nothing more to wait for
});
client.on('closed', () => {
  process.stdout.write(JSON.stringify(said));
  process.exit(0);
});

const options = { connectTimeout: 60000, associationTimeout: 60000, pduTimeout: 120000, ...job.options };
for (const key of ['key', 'cert', 'ca']) {
  const security = options.securityOptions;
  if (security && security[key]) security[key] = readFileSync(security[key]);
}
client.send(job.host, job.port, job.calling, job.called, options);
