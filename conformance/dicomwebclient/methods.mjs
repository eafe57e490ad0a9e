// Runs the methods of dicomweb-client that do not render, against a server that holds nothing yet.
// node methods.mjs URL FOLDER FILE...; prints one JSON line for each call, {method, error}, and first one with the names of all methods that
// the class has for its users: {has}.
import fs from 'node:fs';
import path from 'node:path';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { XHR } from './xhr.mjs';

globalThis.XMLHttpRequest = XHR;
const [url, folder, ...files] = process.argv.slice(2);
const load = createRequire(pathToFileURL(path.join(folder, 'x.js')));
const { api } = load('dicomweb-client');
const quiet = { url, verbose: false };
const client = new api.DICOMwebClient(quiet);
// The client cannot ask for whole instances as they are stored by mediaTypes (0.11.2 refuses application/dicom there).
const asStored = new api.DICOMwebClient({ ...quiet, headers: { Accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' } });

const value = (o, tag) => o[tag]?.Value?.[0];
const want = (ok, what) => { if (!ok) throw new Error(what); };
const same = (a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)) === 0;

// bulk gives the BulkDataURIs of an object and its sequences, but for its own pixels.
function* bulk(o) {
	for (const [tag, e] of Object.entries(o ?? {})) {
		if (e.BulkDataURI && tag !== '7FE00010') yield e.BulkDataURI;
		if (e.vr === 'SQ') for (const item of e.Value ?? []) yield* bulk(item);
	}
}

// native tells whether an object can be given in Explicit VR Little Endian without decoding pixels.
const native = (o) => !o?.['7FE00010'] || /^1\.2\.840\.10008\.1\.2(\.[12])?$/.test(stored[value(o, '00080018')]);
const stored = {};

async function run(method, f) {
	let error = '';
	try {
		await f();
	} catch (e) {
		error = `${e.message} ${e.status ?? ''} ${e.response ? JSON.stringify(e.response).slice(0, 300) : ''}`;
	}
	console.log(JSON.stringify({ method, error }));
}

const has = Object.getOwnPropertyNames(api.DICOMwebClient.prototype).filter((n) => n !== 'constructor' && !n.startsWith('_'));
console.log(JSON.stringify({ has }));
for (const [set, get] of [['setDebug', 'getDebug'], ['setVerbose', 'getVerbose']]) {
	await run(set, async () => new api.DICOMwebClient({ url })[set](true));
	await run(get, async () => {
		const one = new api.DICOMwebClient({ url });
		one[set](true);
		want(one[get]() === true, 'not set');
	});
}

const data = files.map((f) => { const b = fs.readFileSync(f); return b.buffer.slice(b.byteOffset, b.byteOffset + b.length); });
await run('storeInstances', async () => {
	const answer = await client.storeInstances({ datasets: data });
	want(typeof answer === 'string' ? answer.includes('00081199') : answer, 'no references');
});

await run('storeInstances again, into their study', async () => {
	const parts = await asStored.retrieveStudy({ studyInstanceUID: value((await client.searchForStudies({ queryParams: { limit: 1 } }))[0], '0020000D') });
	const found = (await client.searchForStudies({ queryParams: { limit: 1 } }))[0];
	await client.storeInstances({ datasets: parts, studyInstanceUID: value(found, '0020000D') });
});

let studies = [];
await run('searchForStudies', async () => {
	studies = await client.searchForStudies({ queryParams: { limit: 100, includefield: 'all' } });
	want(studies.length > 0, 'nothing found');
});
await run('searchForStudies empty', async () => {
	const none = await client.searchForStudies({ queryParams: { PatientID: 'nobody at all' } });
	want(Array.isArray(none) && none.length === 0, 'not an empty list');
});
const all = [];
await run('searchForSeries', async () => want((await client.searchForSeries()).length > 0, 'nothing found'));
await run('searchForInstances', async () => {
	const found = await client.searchForInstances({ queryParams: { limit: 1000 } });
	want(found.length === files.length, `${found.length} instances of ${files.length}`);
});
for (const s of studies) {
	const studyInstanceUID = value(s, '0020000D');
	await run('searchForSeries of a study', async () => {
		for (const e of await client.searchForSeries({ studyInstanceUID })) {
			const seriesInstanceUID = value(e, '0020000E');
			for (const i of await client.searchForInstances({ studyInstanceUID, seriesInstanceUID, queryParams: { includefield: 'AvailableTransferSyntaxUID' } })) {
				stored[value(i, '00080018')] = value(i, '00083002');
				all.push({ studyInstanceUID, seriesInstanceUID, sopInstanceUID: value(i, '00080018') });
			}
		}
	});
	await run('retrieveStudyMetadata', async () => want((await client.retrieveStudyMetadata({ studyInstanceUID })).length > 0, 'empty'));
	await run('retrieveStudyMetadata by parameters of a study', async () => {
		const one = await client.searchForStudies({ queryParams: { StudyInstanceUID: studyInstanceUID, includefield: '00081030,00080060,00080090,00100030' } });
		want(one.length === 1, `${one.length} studies`);
	});
	await run('retrieveStudy', async () => {
		const parts = await asStored.retrieveStudy({ studyInstanceUID });
		want(parts.length === all.filter((i) => i.studyInstanceUID === studyInstanceUID).length, `${parts.length} parts`);
	});
}
await run('found as many as stored', async () => want(all.length === files.length, `${all.length} of ${files.length}`));

for (const i of all) {
	await run('retrieveSeries', async () => want((await asStored.retrieveSeries(i)).length > 0, 'no part'));
	await run('retrieveSeriesMetadata', async () => want((await client.retrieveSeriesMetadata(i)).length > 0, 'empty'));
	let metadata, file;
	await run('retrieveInstanceMetadata', async () => {
		metadata = (await client.retrieveInstanceMetadata(i))[0];
		want(value(metadata, '00080018') === i.sopInstanceUID, 'another instance');
	});
	await run('retrieveInstance', async () => {
		file = await asStored.retrieveInstance(i);
		want(new TextDecoder().decode(new Uint8Array(file, 128, 4)) === 'DICM', 'no PS3.10 file');
	});
	if (native(metadata)) {
		await run('retrieveSeries re-encoded', async () => want((await client.retrieveSeries(i)).every((b) => b.byteLength > 132), 'empty'));
		await run('retrieveInstance re-encoded', async () => want((await client.retrieveInstance(i)).byteLength > 132, 'empty'));
	}
	await run('buildInstanceWadoURIUrl', async () => {
		const answer = await fetch(client.buildInstanceWadoURIUrl(i));
		const got = await answer.arrayBuffer();
		want(answer.status === 200 && (same(got, file) || native(metadata)), `status ${answer.status}, or another file than retrieveInstance gives`);
	});
	for (const uri of bulk(metadata)) {
		await run('retrieveBulkData, a range', async () => {
			const whole = await new api.DICOMwebClient({ ...quiet, singlepart: 'bulkdata' }).retrieveBulkData({ BulkDataURI: uri, headers: { Accept: '*/*' } });
			const headers = { Accept: 'application/octet-stream', Range: 'bytes=2-5' };
			const part = await new api.DICOMwebClient({ ...quiet, singlepart: 'bulkdata' }).retrieveBulkData({ BulkDataURI: uri, headers });
			want(whole.byteLength === undefined || same(part, whole.slice(2, 6)), `${part.byteLength} bytes`);
		});
		await run('retrieveBulkData', async () => want((await client.retrieveBulkData({ BulkDataURI: uri }))[0].byteLength > 0, uri));
	}
	if (!metadata?.['7FE00010']) continue;
	const frames = Number(value(metadata, '00280008') ?? 1);
	for (const mediaTypes of [
		[{ mediaType: 'application/octet-stream', transferSyntaxUID: '*' }],
		[{ mediaType: 'image/*', transferSyntaxUID: '*' }, { mediaType: 'application/octet-stream', transferSyntaxUID: '*' }],
	]) {
		await run('retrieveInstanceFrames', async () => {
			const numbers = [...new Set([1, frames])];
			const got = await client.retrieveInstanceFrames({ ...i, frameNumbers: numbers, mediaTypes });
			want(got.length === numbers.length && got.every((f) => f.byteLength > 0), `${got.length} frames`);
		});
	}
	if (native(metadata)) {
		await run('retrieveInstanceFrames, nothing said of types', async () => {
			const progress = [];
			const got = await client.retrieveInstanceFrames({ ...i, frameNumbers: [1], request: { progressCallback: (p) => progress.push(p) } });
			want(got.length === 1 && got[0].byteLength > 0 && progress.length > 0, `${got.length} frames, progress ${progress.length}`);
		});
	}
	await run('retrieveBulkData of pixels', async () => {
		const got = await new api.DICOMwebClient({ ...quiet, singlepart: 'bulkdata' }).retrieveBulkData({ BulkDataURI: metadata['7FE00010'].BulkDataURI, headers: { Accept: '*/*' } });
		want(got.length > 0 && got[0].byteLength > 0, 'empty');
	});
}
