// dcmjs-dimse as SCP: listens on a free port of loopback, prints the port, and writes every Data Set that it is sent, byte
// for byte as it came, into the folder that is its only argument, as INSTANCE.TRANSFERSYNTAX. C-FIND is answered
// with one Study, Storage Commitment with success. Ends when its standard input does. Run in the folder where npm.sh
// put dcmjs-dimse.
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';

const dimse = createRequire(process.cwd() + '/')('dcmjs-dimse');
const { Dataset, Scp, Server, responses, constants } = dimse;
dimse.log.setLevel('silent');
const folder = process.argv[2];
const { Status } = constants;

class Peer extends Scp {
  associationRequested(association) {
    this.association = association;
    for (const c of association.getPresentationContexts()) {
      const context = association.getPresentationContext(c.id);
      context.setResult(constants.PresentationContextResult.Accept, context.getTransferSyntaxUids()[0]);
    }
    if (association.getNegotiateUserIdentity() && association.getUserIdentityPositiveResponseRequested()) {
      association.setUserIdentityServerResponse('');
      association.setNegotiateUserIdentityServerResponse(true);
    }
    writeFileSync(join(folder, 'association.json'), JSON.stringify({
      calling: association.getCallingAeTitle(),
      called: association.getCalledAeTitle(),
      identity: association.getNegotiateUserIdentity() ? [association.getUserIdentityPrimaryField(), association.getUserIdentitySecondaryField()] : null,
    }));
    this.sendAssociationAccept();
  }

  // The Data Set as it comes, not as dcmjs would write it again. All at once: with an Asynchronous Operations Window, which
  // the library grants as it is asked for, the next request may follow at once.
  createStoreWritableStream(context, request) {
    const stream = super.createStoreWritableStream(context, request);
    stream.file = join(folder, request.getAffectedSopInstanceUid() + '.' + context.getAcceptedTransferSyntaxUid());
    return stream;
  }

  createDatasetFromStoreWritableStream(stream, context, callback) {
    writeFileSync(stream.file, stream.toBuffer());
    callback(new Dataset({}));
  }

  cEchoRequest(request, callback) {
    const response = responses.CEchoResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  }

  cStoreRequest(request, callback) {
    const response = responses.CStoreResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  }

  cFindRequest(request, callback) {
    const pending = responses.CFindResponse.fromRequest(request);
    pending.setDataset(new Dataset({
      SpecificCharacterSet: 'ISO_IR 192',
      QueryRetrieveLevel: 'STUDY',
      PatientName: 'TRẦN^THỊ^BÌNH',
      PatientID: request.getDataset().getElement('PatientID'),
      StudyInstanceUID: '1.2.3.4',
    }));
    pending.setStatus(Status.Pending);
    const final = responses.CFindResponse.fromRequest(request);
    final.setStatus(Status.Success);
    callback([pending, final]);
  }

  nActionRequest(request, callback) {
    const response = responses.NActionResponse.fromRequest(request);
    response.setStatus(Status.Success);
    callback(response);
  }

  associationReleaseRequested() {
    this.sendAssociationReleaseResponse();
  }
}

const server = new Server(Peer);
server.on('listening', () => process.stdout.write(server.server.address().port + '\n'));
server.listen({ host: '127.0.0.1', port: 0 }, { connectTimeout: 120000, associationTimeout: 120000, pduTimeout: 120000 });
process.stdin.on('end', () => process.exit(0));
process.stdin.resume();
