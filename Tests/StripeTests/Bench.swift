import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Stripe

let connector = StripeConnector()
let account = "acct_1Q8xLmKJ2mNpQr5t"

func normalized(_ topic: String, _ json: JSON, _ settings: [String: String] = [:]) throws(Fault) -> Normalized {
    try connector.normalized(topic, json.bytes, ConnectionFacts(account: account, settings: settings))
}

/// The fault of a record that is refused.
func refusal(_ topic: String, _ json: JSON, _ settings: [String: String] = [:]) -> Fault? {
    fault { () throws(Fault) in try normalized(topic, json, settings) }
}

/// Plans documents as if all belonged to one case.
func plans(_ documents: [SourceDocument], base: Currency = .usd) -> [PlannedPosting] {
    ConnectorTestKit.plans(documents, base: base, country: base == .gbp ? "GB" : "US")
}

// MARK: Conversations

/// Plays an exchange with an answer for each target.
func play<Output>(_ exchange: Exchange<Output>, _ answer: (String) -> HTTPResponse) -> Played<Output> {
    connector.play(exchange, answer)
}

func list(_ rows: [JSON], more: Bool = false) -> HTTPResponse {
    .json(200, .object([("object", "list"), ("has_more", .bool(more)), ("data", .array(rows))]))
}

let missing = HTTPResponse.json(404, ["error": ["type": "invalid_request_error", "code": "resource_missing", "message": "No such charge: 'ch_x'"]])

// MARK: What stands

/// Of what was told, in this order, what stands: of each document the highest version, the first of equals.
func standing(_ told: [SourceDocument]) -> [SourceDocument] {
    var out: [String: SourceDocument] = [:]
    for document in told {
        let name = "\(document.id) \(document.kind?.rawValue ?? "note")"
        if let known = out[name], known.version >= document.version { continue }
        out[name] = document
    }
    return out.sorted { $0.key < $1.key }.map(\.value)
}

extension SourceDocument {
    var refund: (id: String, body: Refund)? { if case .refund(let body) = body { (id, body) } else { nil } }
}
