internal import Books
public import ConnectorKit
public import Kernel
public import Wire

extension InboundConnector {
    /// - Throws: `malformed_json` (reject), also where a member is there twice; `unreadable_record` with the JSON pointer of the first thing wrong,
    ///   `unbalanced_record` where sums do not agree, `invalid_setting` (all hold).
    public func normalize(_ record: RawRecord, _ connection: ConnectionFacts) throws(Fault) -> Normalized {
        let settings = try InboundSettings(connection.settings)
        let event = try JSON(parsing: record.body)
        let (inspection, object, deleted) = inspect(event)
        let findings = inspection.findings + (settings.refusesUnknown ? inspection.unknown : [])
        if let first = findings.first { throw Self.refused(first, more: findings.count - 1) }
        guard let object else { throw Self.refused(ContractFinding("/type", "is not known", "See docs/inbound.md."), more: 0) }
        return Normalized(documents: try EventReading(event, object, profile, settings, deleted: deleted).documents())
    }

    /// What is wrong with the event's form, and whatever its sums and references say.
    public func check(_ event: JSON, _ connection: ConnectionFacts) -> ContractReading {
        let (inspection, object, deleted) = inspect(event)
        let id = event["id"]?.string.flatMap { InboundID.isID($0) ? $0 : nil }
        let topic = event["type"]?.string.flatMap { WebhookDelivery.isTopic($0) ? $0 : nil }
        do throws(Fault) {
            let settings = try InboundSettings(connection.settings)
            var findings = inspection.findings
            if settings.refusesUnknown { findings += inspection.unknown }
            if findings.isEmpty, let object {
                _ = try EventReading(event, object, profile, settings, deleted: deleted).documents()
            }
            return ContractReading(
                id: id, topic: topic, findings: findings, warnings: settings.refusesUnknown ? [] : inspection.unknown, content: Self.content(of: event))
        } catch {
            return ContractReading(id: id, topic: topic, findings: [ContractFinding(error.position ?? "", error.summary, error.remedy)])
        }
    }

    private func inspect(_ event: JSON) -> (Inspection, InboundObject?, deleted: Bool) {
        var inspection = Inspection()
        let words = (event["type"]?.string ?? "").split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard event.object != nil else {
            inspection.add("", "must be an object", "Send one event: { \"id\": … }.")
            return (inspection, nil, false)
        }
        guard words.count == 2, let object = InboundObject(rawValue: words[0]), profile.objects.contains(object),
            let verb = InboundVerb(rawValue: words[1])
        else {
            let known = profile.objects.map(\.rawValue).joined(separator: ", ")
            inspection.add("/type", "is not one of this connection's types", "Known are \(known), each with .created, .updated or .deleted.")
            return (inspection, nil, false)
        }
        inspection.check(event, object.shape(deleted: verb == .deleted), "")
        return (inspection, object, verb == .deleted)
    }

    private static func refused(_ finding: ContractFinding, more: Int) -> Fault {
        let place = finding.pointer.isEmpty ? "record" : finding.pointer
        return Fault(
            "unreadable_record", stage: .normalize, disposition: .hold,
            summary: "\(place) \(finding.why)" + (more > 0 ? ", and \(more) more" : ""), remedy: finding.remedy, position: place)
    }
}

/// A part of an event whose form has been checked: an object and the way to it.
struct Part: Sendable {
    let json: JSON
    let pointer: String

    func text(_ name: String) -> String? { json.member(name)?.string }
    func flag(_ name: String) -> Bool { json.member(name)?.bool ?? false }

    /// - Throws: `unreadable_record`: nothing gets here that was not checked.
    func needed(_ name: String) throws(Fault) -> String {
        guard let text = text(name) else { throw unreadable(name, "is missing", "Add it.") }
        return text
    }

    func moment(_ name: String) throws(Fault) -> Timestamp {
        guard let at = InboundID.moment(try needed(name)) else { throw unreadable(name, "is not a day or time", "Write it such as 2026-11-12.") }
        return at
    }

    func decimal(_ name: String) throws(Fault) -> ExactDecimal? {
        guard let text = text(name) else { return nil }
        guard let value = ExactDecimal(text) else { throw unreadable(name, "is not a decimal", "Write it such as \"1.5\".") }
        return value
    }

    func currency() throws(Fault) -> Currency {
        guard let currency = Currency(try needed("currency")) else { throw unreadable("currency", "is not a currency", "Write it such as CAD.") }
        return currency
    }

    /// Zero where it is absent.
    func money(_ name: String, _ currency: Currency) throws(Fault) -> Money {
        guard let text = text(name) else { return .zero(currency) }
        guard let money = Money(text, currency) else {
            throw unreadable(name, "has more digits after the point than \(currency) has", "Round it where it is made: at most \(currency.decimals) digits.")
        }
        return money
    }

    func list(_ name: String) -> [Part] {
        (json.member(name)?.array ?? []).enumerated().map { Part(json: $0.element, pointer: "\(pointer)/\(name)/\($0.offset)") }
    }

    func part(_ name: String) -> Part { Part(json: json.member(name) ?? [:], pointer: "\(pointer)/\(name)") }

    func unreadable(_ name: String, _ why: String, _ remedy: String) -> Fault {
        Fault(
            "unreadable_record", stage: .normalize, disposition: .hold, summary: "\(pointer)/\(name) \(why)", remedy: remedy,
            position: "\(pointer)/\(name)")
    }

    /// Sums that the sender states do not agree.
    func unbalanced(_ name: String, _ why: String) -> Fault {
        Fault(
            "unbalanced_record", stage: .normalize, disposition: .hold, summary: "\(pointer)/\(name): \(why)",
            remedy: "Correct the document where it was made and send it with a higher object_version.", position: "\(pointer)/\(name)")
    }
}
