import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import WooCommerce

let connector = WooCommerceConnector()

func facts(_ settings: [String: String] = [:]) -> ConnectionFacts { ConnectionFacts(account: "shop.example", settings: settings) }

func normalized(_ topic: String, _ json: JSON, _ settings: [String: String] = [:]) throws(Fault) -> Normalized {
    try connector.normalized(topic, json.bytes, facts(settings))
}

/// The fault of a record that is refused.
func refusal(_ topic: String, _ json: JSON, _ settings: [String: String] = [:]) -> Fault? {
    fault { () throws(Fault) in try normalized(topic, json, settings) }
}

/// Plans documents case by case, each by itself.
func plans(_ documents: [SourceDocument], base: Currency = .usd) -> [PlannedPosting] {
    ConnectorTestKit.plans(documents, base: base, country: base == .gbp ? "GB" : "US")
}

// MARK: Conversations

/// Plays an exchange with an answer for each target.
func play<Output>(_ exchange: Exchange<Output>, _ answer: (String) -> HTTPResponse) -> Played<Output> {
    connector.play(exchange, most: 300, answer)
}

/// A page of a list with the header that says how many there are.
func page(_ rows: [JSON], of pages: Int = 1) -> HTTPResponse {
    var out = HTTPResponse.json(200, .array(rows))
    out.fields["X-WP-TotalPages"] = "\(pages)"
    return out
}
