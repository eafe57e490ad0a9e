// The part of XMLHttpRequest that dicomweb-client uses, over Node's fetch.
export class XHR {
	#method; #url; #headers = {}; #answer;
	responseType = '';
	readyState = 0;
	status = 0;
	response = null;
	open(method, url) { this.#method = method.toUpperCase(); this.#url = url; }
	setRequestHeader(name, value) { this.#headers[name] = name in this.#headers ? `${this.#headers[name]}, ${value}` : value; }
	getResponseHeader(name) { return this.#answer.headers.get(name); }
	getAllResponseHeaders() { return [...this.#answer.headers].map(([n, v]) => `${n}: ${v}\r\n`).join(''); }
	abort() {}
	async send(body) {
		this.onloadstart?.();
		try {
			this.#answer = await fetch(this.#url, { method: this.#method, headers: this.#headers, body });
			const bytes = await this.#answer.arrayBuffer();
			this.status = this.#answer.status;
			this.response = bytes;
			if (this.responseType === 'json') {
				this.response = bytes.byteLength ? JSON.parse(new TextDecoder().decode(bytes)) : null;
			} else if (this.responseType !== 'arraybuffer') {
				this.response = new TextDecoder('latin1').decode(bytes);
			}
		} catch (e) {
			console.error(`${this.#method} ${this.#url}: ${e}`);
		}
		this.readyState = 4;
		this.onprogress?.({ loaded: 1, total: 1 });
		this.onreadystatechange?.();
		this.onloadend?.();
	}
}
