import Books
import Catalog
import ConnectorKit
import FoundationEssentials
import Kernel
import Testing
import Wire

@Suite("What a source's connector reads")
struct SourceTests {
    // MARK: Sweeps

    private static let since = Timestamp(seconds: 1_794_700_800)

    private func first(_ it: any SourceConnector, _ cursor: String?, _ facts: ConnectionFacts) throws -> Call {
        try #require(
            play(it.sweep(since: Self.since, cursor: cursor, facts), it, most: 1) { _, _ in HTTPResponse(500) }.calls
                .first)
    }

    private func said(_ call: Call) -> String {
        "\(call.request.target) \(String(decoding: call.request.body, as: UTF8.self))"
    }

    @Test("a cursor kept as text continues the sweep at its page", arguments: askedIDs)
    func cursor(id: String) throws {
        let it = try source(id)
        let specimen = try Specimen(id)
        let page = try #require(specimen.json["page"])
        let expected = try #require(page["cursor"]?.string)
        let answer = Specimen.response(try #require(page["answer"]))
        let swept = try #require(
            play(it.sweep(since: Self.since, cursor: nil, specimen.facts), it) { _, _ in answer }.ending.output)
        let next = try #require(swept.next)
        #expect(next == expected)
        // Through its text form, as a restart reads it from the store.
        let kept = try #require(try JSON(parsing: JSON.string(next).bytes).string)
        let call = try first(it, kept, specimen.facts)
        #expect(said(call).contains(expected))
        #expect(said(call) != said(try first(it, nil, specimen.facts)))
        // A page that leads to itself must not be followed for ever.
        let again = play(it.sweep(since: Self.since, cursor: next, specimen.facts), it) { _, _ in answer }.ending
        #expect(again.output.map { $0.next != next } ?? true)
    }

    @Test(
        "any cursor stays a value", arguments: askedIDs,
        ["", "\"", "\\", "\"}{", "é", "\u{0}", "a b&c=d#e", String(repeating: "x", count: 3_000)])
    func odd(id: String, cursor: String) throws {
        let call = try first(try source(id), cursor, try Specimen(id).facts)
        #expect(call.kind == .read && call.request.target.utf8.allSatisfy { $0 > 32 && $0 < 127 })
        if !call.request.body.isEmpty { #expect(throws: Never.self) { _ = try JSON(parsing: call.request.body) } }
    }

    @Test("a later start asks for less: the instant is in what is sent", arguments: askedIDs)
    func start(id: String) throws {
        let it = try source(id)
        let facts = try Specimen(id).facts
        let later = play(it.sweep(since: Self.since + .seconds(3_600), cursor: nil, facts), it, most: 1) { _, _ in
            HTTPResponse(500)
        }.calls.first
        #expect(said(try #require(later)) != said(try first(it, nil, facts)))
    }

    @Test("no conversation, however spoiled, stops the program or goes on for ever", arguments: askedIDs)
    func conversations(id: String) throws {
        let it = try source(id)
        let specimen = try Specimen(id)
        for seed in 1 ... 120 as ClosedRange<UInt64> {
            var chance = Seeded(seed)
            let answers: [HTTPResponse] = (0 ..< 8).map { _ in
                var response = chance.pick(specimen.answers)
                if chance.flip(), let json = try? JSON(parsing: response.body) { response.body = chance.spoiled(json) }
                return response
            }
            func ends<Output>(_ exchange: Exchange<Output>) {
                if case .endless = play(exchange, it, most: 600, { _, n in answers[n % answers.count] }).ending {
                    Issue.record("seed \(seed): no end")
                }
            }
            ends(it.identify(specimen.facts))
            ends(it.sweep(since: Self.since, cursor: chance.flip() ? "c" : nil, specimen.facts))
            ends(it.fetch(chance.pick(["1", "", "x'", "gid://shopify/Order/1", "../../1"]), specimen.facts))
        }
    }

    // MARK: Webhooks

    private struct Delivery {
        var fields: HTTPFields = [:]
        var body: [UInt8]
        var secret: Secret
        var signature: String
        var required: [String]
        var named: WebhookDelivery

        init(_ id: String) throws {
            let hook = try #require(try Specimen(id).json["webhook"])
            for (name, value) in hook["headers"]?.object ?? [] { fields[name] = value.string }
            body = Array(try #require(hook["body"]?.string).utf8)
            secret = Secret(try #require(hook["secret"]?.string))
            signature = try #require(hook["signature"]?.string)
            required = (hook["required"]?.array ?? []).compactMap(\.string)
            named = WebhookDelivery(
                topic: try #require(hook["topic"]?.string), deliveryID: try #require(hook["delivery"]?.string),
                valid: try Self.valid(hook))
        }

        /// `signed_at` (Unix seconds) and `tolerance_s`, of platforms that date their signatures.
        private static func valid(_ hook: JSON) throws -> ClosedRange<Timestamp>? {
            guard let at = hook["signed_at"]?.int else { return nil }
            let signed = Timestamp(seconds: Int64(at)), tolerance = Duration.seconds(try #require(hook["tolerance_s"]?.int))
            return signed - tolerance ... signed + tolerance
        }
    }

    @Test(
        "a delivery that others signed verifies and is named, whatever the case of its headers' names",
        arguments: sourceIDs)
    func genuine(id: String) throws {
        let (it, delivery) = (try source(id), try Delivery(id))
        var lower = HTTPFields()
        for field in delivery.fields.list { lower.append(field.name.lowercased(), field.value) }
        for fields in [delivery.fields, lower] {
            var found = try #require(it.verify(fields, body: delivery.body, secret: delivery.secret))
            // Only contracts of ours tell what is said as well.
            #expect((found.content != nil) == (it is any ContractSource))
            found.content = nil
            #expect(found == delivery.named)
        }
    }

    @Test("one byte of the body or of the secret changed, added or gone, and it does not verify", arguments: sourceIDs)
    func altered(id: String) throws {
        let (it, delivery) = (try source(id), try Delivery(id))
        for at in delivery.body.indices {
            for bit in [0, 5, 7] {
                var body = delivery.body
                body[at] ^= 1 << UInt8(bit)
                #expect(it.verify(delivery.fields, body: body, secret: delivery.secret) == nil, "byte \(at)")
            }
        }
        for body in [
            [], delivery.body + [10], [32] + delivery.body, Array(delivery.body.dropLast()),
            delivery.body + delivery.body,
        ] {
            #expect(it.verify(delivery.fields, body: body, secret: delivery.secret) == nil)
        }
        let key = delivery.secret.reveal()
        for other in [[], key + [1], Array(key.dropLast()), key.reversed(), [UInt8](repeating: 0, count: key.count)] {
            #expect(it.verify(delivery.fields, body: delivery.body, secret: Secret(other)) == nil)
        }
    }

    @Test("any other signature, or none, or two, does not verify", arguments: sourceIDs)
    func forged(id: String) throws {
        let (it, delivery) = (try source(id), try Delivery(id))
        let good = try #require(delivery.fields[delivery.signature])
        for at in good.indices {
            for other in ["A", "b", "0", "+", " ", "="] where String(good[at]) != other {
                var fields = delivery.fields
                fields[delivery.signature] = good.replacingCharacters(at, other)
                #expect(
                    it.verify(fields, body: delivery.body, secret: delivery.secret) == nil,
                    "character \(good.distance(from: good.startIndex, to: at))")
            }
        }
        for text in [
            "", " ", good + " ", " " + good, good + good, String(good.dropLast()), good.lowercased(), "sha256=" + good,
            String(repeating: "A", count: 100_000),
        ] where text != good {
            var fields = delivery.fields
            fields[delivery.signature] = text
            #expect(it.verify(fields, body: delivery.body, secret: delivery.secret) == nil)
        }
        var twice = delivery.fields
        twice.append(delivery.signature, good)
        #expect(it.verify(twice, body: delivery.body, secret: delivery.secret) == nil)
    }

    @Test("a delivery that lacks what it is named by does not verify", arguments: sourceIDs)
    func incomplete(id: String) throws {
        let (it, delivery) = (try source(id), try Delivery(id))
        #expect(delivery.required.contains(delivery.signature))
        for name in delivery.required {
            for value in [nil, ""] as [String?] {
                var fields = delivery.fields
                fields[name] = value
                #expect(it.verify(fields, body: delivery.body, secret: delivery.secret) == nil, "\(name)")
            }
        }
        #expect(it.verify([:], body: delivery.body, secret: delivery.secret) == nil)
    }

    @Test("signatures are compared in constant time", arguments: sourceIDs)
    func constantTime(id: String) throws {
        let folder =
            "Sources/Connectors/" + String(describing: type(of: try source(id))).replacing("Connector", with: "")
        let names = try FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path).filter {
            $0.hasSuffix(".swift")
        }
        let verifying = try names.map { try text("\(folder)/\($0)") }.filter { $0.contains("func verify(") }
        #expect(verifying.count == 1)
        // Dated signatures are compared by the kit.
        let dated = try text("Sources/ConnectorKit/DatedSignature.swift")
        for code in verifying.map({ $0.contains("DatedSignature(") ? $0 + dated : $0 }) {
            #expect(code.contains("constantTimeEquals("))
            #expect(!code.contains("== HMAC") && !code.contains("elementsEqual") && !code.contains("== signature"))
        }
    }

    // MARK: Records

    private func records(_ id: String) throws -> [(topic: String, json: JSON)] {
        let list = try #require(try Specimen(id).json["records"]?.array)
        return try list.map {
            (try #require($0["topic"]?.string), try JSON(parsing: bytes("Tests/" + (try #require($0["file"]?.string)))))
        }
    }

    private func documents(_ it: any SourceConnector, _ topic: String, _ body: [UInt8], _ facts: ConnectionFacts) -> (
        documents: [SourceDocument], fault: Fault?
    ) {
        do throws(Fault) {
            return (try it.normalize(RawRecord(topic: topic, deliveryID: "d", body: body), facts).documents, nil)
        } catch { return ([], error) }
    }

    @Test("what a source's records hold of goods that left or came back, it says that it tells", arguments: sourceIDs)
    func tells(id: String) throws {
        let it = try source(id)
        let facts = ConnectionFacts(account: try Specimen(id).account)
        for record in try records(id) {
            for document in documents(it, record.topic, record.json.bytes, facts).documents {
                switch document.body {
                case .fulfilment: #expect(it.tells.contains(.fulfilments), "\(document.id)")
                case .goodsReturn: #expect(it.tells.contains(.returns), "\(document.id)")
                case .registerClosure: #expect(it.tells.contains(.closures), "\(document.id)")
                default: break
                }
            }
        }
    }

    @Test(
        "recorded bodies normalise, the same each time, to documents that belong somewhere and whose plans balance",
        arguments: sourceIDs)
    func recorded(id: String) throws {
        let it = try source(id)
        let facts = ConnectionFacts(account: try Specimen(id).account)
        var all: [SourceDocument] = []
        for record in try records(id) {
            let (found, fault) = documents(it, record.topic, record.json.bytes, facts)
            #expect(fault == nil, "\(record.topic): \(String(describing: fault))")
            #expect(found == documents(it, record.topic, record.json.bytes, facts).documents)
            #expect(
                found == documents(it, record.topic, Array(record.json.pretty().utf8), facts).documents,
                "spacing means nothing")
            for document in found { #expect(!document.id.isEmpty && !document.caseID.isEmpty && document.version > 0) }
            all += found
        }
        // Of systems that keep returns, the sale is somebody else's to tell.
        #expect(all.contains { document in
            switch document.body {
            case .sale, .goodsReturn: true
            default: false
            }
        })
        for (order, told) in Dictionary(grouping: all, by: \.caseID) {
            let organisation = Organisation(baseCurrency: .usd, country: "US", zone: .utc, taxMode: .exclusive)
            let plans = Planner.plan(
                OrderCase(id: order, told), organisation: organisation, policies: Policies(), ledger: LedgerState(),
                codes: CodeBook())
            for plan in plans where plan.findings.isEmpty {
                #expect(plan.lines.map(\.amount).total(plan.currency).isZero, "\(order)")
            }
        }
    }

    @Test("spoiled records give documents or a fault that names the place, never a stop", arguments: sourceIDs)
    func spoiled(id: String) throws {
        let it = try source(id)
        let records = try records(id)
        try #require(!records.isEmpty, "the specimen has no recorded bodies yet")
        let facts = ConnectionFacts(account: try Specimen(id).account)
        let topics = Array(Set(records.map(\.topic))).sorted() + ["", "unheard/of"]
        var (read, refused) = (0, 0)
        for seed in 1 ... 400 as ClosedRange<UInt64> {
            var chance = Seeded(seed)
            let record = chance.pick(records)
            let topic = chance.flip(8) ? chance.pick(topics) : record.topic
            let (found, fault) = documents(it, topic, chance.spoiled(record.json), facts)
            guard let fault else {
                read += 1
                #expect(found.allSatisfy { !$0.id.isEmpty && !$0.caseID.isEmpty }, "seed \(seed)")
                continue
            }
            refused += 1
            #expect(
                ["malformed_json", "unreadable_record", "unbalanced_record", "too_many_parts"].contains(fault.code),
                "seed \(seed): \(fault)")
            #expect(fault.disposition == .hold || fault.code == "malformed_json", "seed \(seed): \(fault)")
            #expect(fault.position?.isEmpty == false, "seed \(seed): \(fault)")
            #expect(
                fault.description.count < 2_000 && !fault.description.unicodeScalars.contains { $0.value < 32 },
                "seed \(seed)")
        }
        // Both ends of the scale are reached, or the spoiling is worth nothing.
        #expect(read > 40 && refused > 40, "\(read) read, \(refused) refused")
    }

    @Test("bytes that are no record are refused", arguments: sourceIDs)
    func foreign(id: String) throws {
        let it = try source(id)
        for topic in Set(try records(id).map(\.topic)) {
            for (name, bytes) in oddBodies {
                let (found, _) = documents(it, topic, bytes, ConnectionFacts(account: "a"))
                #expect(found.isEmpty, "\(topic) with \(name)")
            }
        }
    }
}

extension String {
    fileprivate func replacingCharacters(_ at: Index, _ other: String) -> String {
        String(self[..<at]) + other + String(self[index(after: at)...])
    }
}
