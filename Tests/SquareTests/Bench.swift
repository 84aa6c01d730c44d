import Books
import ConnectorKit
import ConnectorTestKit
import Kernel
import Testing
import Wire

@testable import Square

let connector = SquareConnector()
let account = "MLEWJTMNJN37Z"

func normalized(_ topic: String, _ json: JSON, _ settings: [String: String] = [:]) throws(Fault) -> Normalized {
    try connector.normalized(topic, json.bytes, ConnectionFacts(account: account, settings: settings))
}

/// The fault of a record that is refused.
func refusal(_ topic: String, _ json: JSON, _ settings: [String: String] = [:]) -> Fault? {
    fault { () throws(Fault) in try normalized(topic, json, settings) }
}

/// Plans documents as if all belonged to one case.
func plans(_ documents: [SourceDocument], base: Currency = .usd, _ policies: Policies = Policies()) -> [PlannedPosting] {
    let country = base == .gbp ? "GB" : base == .usd ? "US" : "CA"
    return ConnectorTestKit.plans(documents, base: base, country: country, taxMode: base == .gbp ? .inclusive : .exclusive, policies)
}

// MARK: Conversations

/// Plays an exchange with an answer for each target.
func play<Output>(_ exchange: Exchange<Output>, _ answer: (String) -> HTTPResponse) -> Played<Output> {
    connector.play(exchange, answer)
}

func ok(_ members: (String, JSON)...) -> HTTPResponse { .json(200, .object(members.map { (key: $0.0, value: $0.1) })) }

let missing = HTTPResponse.json(404, ["errors": [["category": "INVALID_REQUEST_ERROR", "code": "NOT_FOUND", "detail": "Not found."]]])

/// Two places of business in one state, as the list of locations shows them.
let locations: JSON = [
    ["id": "LRJNZCB190DTQ", "merchant_id": "MLEWJTMNJN37Z", "status": "ACTIVE", "business_name": "Pier Goods LLC", "name": "Pier Store",
        "country": "US", "currency": "USD",
     "timezone": "America/Los_Angeles", "address": ["locality": "Oakland", "administrative_district_level_1": "CA", "country": "US"], "mcc": "5719"],
    ["id": "LZ2", "merchant_id": "MLEWJTMNJN37Z", "status": "INACTIVE", "name": "Old Store", "country": "US", "currency": "USD",
     "address": ["administrative_district_level_1": "NV", "country": "US"]],
]
