// Writes sigv4_vectors.h and eventstream_vectors.h: what AWS's own packages sign
// and encode, for test_sigv4.c, test_sigv4_canonical.c and test_eventstream.c.
// Not part of the build; the two headers are committed. To make them again:
//
//     npm install @smithy/signature-v4@5.7.5 @smithy/eventstream-codec@4.5.2 \
//         @smithy/protocol-http@5.6.2 @aws-crypto/sha256-js@5.2.0
//     node make-aws-vectors.mjs OUTPUT_DIRECTORY
//
// (in a directory of its own; copy this file there). Versions of 2026-11-22.
import { writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import { SignatureV4 } from "@smithy/signature-v4";
import { HttpRequest } from "@smithy/protocol-http";
import { EventStreamCodec } from "@smithy/eventstream-codec";
import sha256js from "@aws-crypto/sha256-js";
const { Sha256 } = sha256js;

const plain = { accessKeyId: "AKIDEXAMPLE", secretAccessKey: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" };
const temporary = { ...plain, accessKeyId: "ASIAEXAMPLE", sessionToken: "IQoJb3JpZ2luX2VjEXAMPLE//////////wEaCXVzLXdlc3QtMg==" };
const json = { "content-type": "application/json" };
const arn = "arn:aws:bedrock:us-east-1:123456789012:inference-profile/us.anthropic.claude-sonnet-4-5-20250929-v1:0";

// query: [wire text, what it means to @smithy/protocol-http]
const cases = [
	{ name: "colon in the path as %3A", path: "/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke", headers: json, body: "{}" },
	{ name: "colon in the path as it is", path: "/model/us.anthropic.claude-sonnet-4-5-20250929-v1:0/invoke", headers: json, body: "{}" },
	{ name: "ARN with %3A and %2F", path: `/model/${encodeURIComponent(arn)}/invoke-with-response-stream`, headers: json, body: '{"anthropic_version":"bedrock-2023-05-31"}' },
	{ name: "ARN with colons and %2F", path: `/model/${arn.replace("/", "%2F")}/invoke`, headers: json, body: "{}" },
	{ name: "session token", path: "/model/us.anthropic.claude-opus-5-5/invoke", headers: json, body: "{}", keys: temporary },
	{ name: "host with a port, other region, leap day", path: "/model/eu.anthropic.claude-opus-5-5/invoke", host: "127.0.0.1:8443", headers: json, body: "{}", region: "eu-central-1", time: "2028-02-29T23:59:59Z" },
	{ name: "DynamoDB", path: "/", host: "dynamodb.us-west-2.amazonaws.com", headers: { "content-type": "application/x-amz-json-1.0", "x-amz-target": "DynamoDB_20120810.GetItem" }, body: '{"TableName":"t"}', region: "us-west-2", service: "dynamodb" },
	{ name: "query, sorted by name then value", method: "GET", path: "/foundation-models", query: ["Param-3=3&Param=b&Param=a&byProvider=anthropic%20%2F%20x", { "Param-3": "3", Param: ["b", "a"], byProvider: "anthropic / x" }], headers: {}, body: "" },
	{ name: "query with every kind of byte", method: "GET", path: "/", query: ["%E1%88%B4=%7E&empty=&star=*'()!&plus=a%2Bb", { "\u1234": "~", empty: "", star: "*'()!", plus: "a+b" }], headers: {}, body: "" },
	{ name: "path with bytes above 127 and reserved ones", method: "GET", path: "/caf%C3%A9/$x@y;z=1,2+3", headers: {}, body: "" },
	{ name: "blanks in a header value", path: "/", headers: { "x-blanks": "  a   b \t c  ", "x-a": "1", "x-a-b": "2" }, body: "x" },
	{ name: "the last second of a year", path: "/", headers: {}, body: "", time: "2026-12-31T23:59:59Z" },
];

class Recording extends SignatureV4 {
	createCanonicalRequest(...args) { return (this.canonical = super.createCanonicalRequest(...args)); }
	async createStringToSign(...args) { return (this.toSign = await super.createStringToSign(...args)); }
}

const text = (s) => '"' + [...Buffer.from(s)].map((b) =>
	b === 10 ? "\\n" : b === 9 ? "\\t" : b === 34 || b === 92 || b === 63 ? "\\" + String.fromCharCode(b)
	: b < 32 || b > 126 ? "\\" + b.toString(8).padStart(3, "0") : String.fromCharCode(b)).join("") + '"';

let out = `/* Made by make-aws-vectors.mjs with @smithy/signature-v4 5.7.5; not written by hand. */
struct sigv4_vector {
	const char *name, *method, *path, *query;
	const char *headers[8][2];
	const char *body, *body_sha256_hex, *region, *service;
	const char *access_key_id, *secret_access_key, *session_token;
	int64_t time_s;
	const char *canonical, *string_to_sign, *authorization;
};

/* clang-format off */
static const struct sigv4_vector sigv4_vectors[] = {
`;
for (const c of cases) {
	const region = c.region ?? "us-east-1", service = c.service ?? "bedrock";
	const time = new Date(c.time ?? "2026-11-22T09:30:00Z"), keys = c.keys ?? plain;
	const sha256 = createHash("sha256").update(c.body).digest("hex");
	const headers = { host: c.host ?? "bedrock-runtime.us-east-1.amazonaws.com", ...c.headers, "x-amz-content-sha256": sha256 };
	const signer = new Recording({ credentials: keys, region, service, sha256: Sha256 });
	const signed = await signer.sign(new HttpRequest({ method: c.method ?? "POST", protocol: "https:", hostname: "x", path: c.path, query: c.query?.[1] ?? {}, headers: { ...headers }, body: c.body }), { signingDate: time });
	out += `\t{ ${text(c.name)}, ${text(c.method ?? "POST")}, ${text(c.path)}, ${text(c.query?.[0] ?? "")},\n`
		+ `\t  { ${Object.entries(headers).map(([k, v]) => `{ ${text(k)}, ${text(v)} }`).join(", ")} },\n`
		+ `\t  ${text(c.body)}, ${text(sha256)}, ${text(region)}, ${text(service)},\n`
		+ `\t  ${text(keys.accessKeyId)}, ${text(keys.secretAccessKey)}, ${text(keys.sessionToken ?? "")},\n`
		+ `\t  ${time.getTime() / 1000},\n\t  ${text(signer.canonical)},\n\t  ${text(signer.toSign)},\n\t  ${text(signed.headers.authorization)} },\n`;
}
out += "};\n/* clang-format on */\n";
const directory = process.argv[2] ?? ".";
writeFileSync(`${directory}/sigv4_vectors.h`, out);

const codec = new EventStreamCodec((b) => Buffer.from(b).toString("utf8"), (s) => new Uint8Array(Buffer.from(s)));
const string = (value) => ({ type: "string", value });
const event = (o) => ({
	headers: { ":event-type": string("chunk"), ":content-type": string("application/json"), ":message-type": string("event") },
	body: JSON.stringify({ bytes: Buffer.from(JSON.stringify(o)).toString("base64"), p: "abcdefghij" }),
});
const failure = (headers, body) => ({ headers: Object.fromEntries(Object.entries(headers).map(([k, v]) => [k, string(v)])), body });
const messages = [
	event({ type: "message_start", message: { id: "msg_1", role: "assistant", usage: { input_tokens: 3, output_tokens: 1 } } }),
	event({ type: "content_block_delta", index: 0, delta: { type: "text_delta", text: "caf\u00e9 \u{1f600}" } }),
	{ headers: {}, body: "" },
	{
		headers: {
			yes: { type: "boolean", value: true }, no: { type: "boolean", value: false }, byte: { type: "byte", value: -49 },
			short: { type: "short", value: 42 }, integer: { type: "integer", value: 40972 },
			long: { type: "long", value: { bytes: new Uint8Array([0, 0, 0, 0, 2, 135, 87, 178]) } },
			binary: { type: "binary", value: new Uint8Array([0, 255, 10]) }, timestamp: { type: "timestamp", value: new Date(8675309) },
			uuid: { type: "uuid", value: "01020304-0506-0708-090a-0b0c0d0e0f10" }, ":event-type": string("other"), ":message-type": string("event"),
		},
		body: "payload of a message with every type of header",
	},
	failure({ ":message-type": "exception", ":exception-type": "throttlingException", ":content-type": "application/json" }, '{"message":"Too many requests"}'),
	failure({ ":message-type": "error", ":error-code": "InternalFailure", ":error-message": "it broke" }, ""),
	event({ type: "message_stop" }),
];
const encoded = messages.map((m) => Buffer.from(codec.encode({ headers: m.headers, body: new Uint8Array(Buffer.from(m.body)) })));
const all = Buffer.concat(encoded);
const value = (m, name) => (m.headers[name]?.type === "string" ? text(m.headers[name].value) : '""');
out = `/* Made by make-aws-vectors.mjs with @smithy/eventstream-codec 4.5.2; not written by hand. */
struct eventstream_vector {
	size_t length; /* bytes of this message in eventstream_bytes */
	const char *message_type, *event_type, *exception_type, *error_code, *error_message;
	const char *content_type, *payload;
};

/* clang-format off */
static const struct eventstream_vector eventstream_vectors[] = {
`;
messages.forEach((m, i) => {
	out += `\t{ ${encoded[i].length}, ${[":message-type", ":event-type", ":exception-type", ":error-code", ":error-message", ":content-type"].map((n) => value(m, n)).join(", ")},\n\t  ${text(m.body)} },\n`;
});
out += "};\n\nstatic const unsigned char eventstream_bytes[] = {\n";
for (let i = 0; i < all.length; i += 20) out += "\t" + [...all.subarray(i, i + 20)].join(",") + ",\n";
out += "};\n/* clang-format on */\n";
writeFileSync(`${directory}/eventstream_vectors.h`, out);
