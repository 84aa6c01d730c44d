import ConnectorKit
import ConnectorTestKit
import Crypto
import FoundationEssentials
import Kernel
import Testing
import Wire

@testable import Inbound

@Suite("The contract")
struct ContractTests {
    @Test("docs/schemas says what events are checked by", arguments: InboundObject.allCases)
    func schemas(object: InboundObject) throws {
        let path = "docs/schemas/\(object.rawValue).json", text = object.schema.pretty() + "\n"
        if ProcessInfo.processInfo.environment["COUNTERFOIL_WRITE_DOCS"] != nil {
            try text.write(to: checkout.appending(path: path), atomically: true, encoding: .utf8)
        }
        #expect(String(decoding: try file(path), as: UTF8.self) == text, "COUNTERFOIL_WRITE_DOCS=1 swift test --filter InboundTests writes it anew")
    }

    @Test("every example is taken as it stands, by whichever profile knows its object")
    func examples() throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: checkout.appending(path: "docs/schemas/examples").path).map { String($0.dropLast(5)) }
        #expect(Set(names).isSuperset(of: InboundObject.allCases.map(\.rawValue)))
        for name in names {
            let event = try example(name), it = name == "job" ? jobs : name.hasPrefix("return") ? returns : erp
            let reading = it.check(event, facts())
            #expect(reading.id == event["id"]?.string && reading.topic == event["type"]?.string, "\(name)")
            #expect(reading.findings == [] && reading.warnings == [], "\(name)")
        }
    }

    @Test("an object that the other system has is refused, and the type named")
    func profiles() throws {
        #expect(findings(try example("job"), erp) == ["/type"])
        #expect(findings(try example("register_closure"), jobs) == ["/type"])
        #expect(findings(try example("invoice").changing("type", to: "invoice.vanished")) == ["/type"])
    }

    @Test("everything wrong is told at once, each by its JSON pointer")
    func pointers() throws {
        let event = try example("invoice").changing("data", "lines", "1", "net", to: .number("80.00")).changing("data", "currency", to: "Canada")
            .changing("data", "total", to: nil).changing("object_version", to: 0).changing("data", "lines", "0", "taxes", "0", "amount", to: "1e2")
        let found = Set(findings(event))
        #expect(found == ["/data/lines/1/net", "/data/currency", "/data/total", "/object_version", "/data/lines/0/taxes/0/amount"])
        let fault = try #require(refusal(event))
        #expect(fault.code == "unreadable_record" && fault.disposition == .hold && fault.position.map(found.contains) == true)
    }

    @Test("a member that the contract lacks is refused, or taken with a warning where the connection says so")
    func unknown() throws {
        let event = try example("invoice").changing("data", "lines", "0", "colour/~", to: "red")
        #expect(findings(event) == ["/data/lines/0/colour~1~0"])
        #expect(refusal(event)?.position == "/data/lines/0/colour~1~0")
        let reading = erp.check(event, facts(["unknown_members": "warn"]))
        #expect(reading.findings.isEmpty && reading.warnings.map(\.pointer) == ["/data/lines/0/colour~1~0"])
        #expect(refusal(event, erp, ["unknown_members": "warn"]) == nil)
        #expect(refusal(event, erp, ["unknown_members": "perhaps"])?.code == "invalid_setting")
    }

    @Test("null is absence: nothing where it may be missing, missing where it may not")
    func nulls() throws {
        #expect(findings(try example("invoice").changing("data", "po_number", to: .null)) == [])
        #expect(findings(try example("invoice").changing("data", "number", to: .null)) == ["/data/number"])
    }

    @Test("amounts are exact decimals in quotes, with no more digits than the currency has")
    func amounts() throws {
        let event = try example("payment")
        for text in ["239", "239.0", "239.00", "0.01"] { #expect(findings(event.changing("data", "amount", to: .string(text))) == [], "\(text)") }
        for text in ["239.001", "-1.00", "+1", "1.", ".5", "1e3", "1,5", "", " 1", "12345678901", "NaN"] {
            #expect(findings(event.changing("data", "amount", to: .string(text))) == ["/data/amount"], "\(text)")
        }
        #expect(findings(event.changing("data", "amount", to: .number("239"))) == ["/data/amount"])
        let yen = event.changing("data", "currency", to: "JPY")
        #expect(findings(yen) == [] && findings(yen.changing("data", "amount", to: "239.5")) == ["/data/amount"])
    }

    @Test("sums that do not agree are refused with both figures")
    func sums() throws {
        let fault = try #require(refusal(try example("invoice").changing("data", "total", to: "339.01")))
        #expect(fault.code == "unbalanced_record" && fault.position == "/data/total" && fault.summary.contains("339.01") && fault.summary.contains("339.00"))
        #expect(refusal(try example("credit_note").changing("data", "total", to: "33.00"))?.position == "/data/total")
        #expect(refusal(try example("invoice").changing("data", "lines", "0", "unit_price", to: "54.00"))?.position == "/data/lines/0/net")
        #expect(refusal(try example("invoice").changing("data", "lines", "1", "id", to: "L1"))?.position == "/data/lines/1/id")
    }

    @Test("an event says the same however it is written down, by whichever way it comes, and something else when one leaf differs")
    func content() throws {
        let event = try example("invoice"), body = Array(event.pretty().utf8)
        func reversed(_ value: JSON) -> JSON {
            if let members = value.object { return .object(members.reversed().map { ($0.key, reversed($0.value)) }) }
            return value.array.map { .array($0.map { reversed($0) }) } ?? value
        }
        let content = try #require(erp.check(event, facts()).content)
        for same in [reversed(event), try JSON(parsing: body)] { #expect(erp.check(same, facts()).content == content) }
        for written in [body, event.bytes, reversed(event).bytes] { #expect(try signed(written)?.content == content) }
        let others = [
            event.changing("data", "number", to: "other"), event.changing("object_version", to: 2), event.changing("data", "lines", "0", "sku", to: .null),
        ]
        for other in others { #expect(erp.check(other, facts()).content != content) }
    }

    private func signed(_ body: [UInt8]) throws -> WebhookDelivery? {
        let v1 = HMAC.sha256(key: Array("k".utf8), Array("1794734466.".utf8) + body).hexText
        return erp.verify(["Counterfoil-Signature": "t=1794734466,v1=\(v1)"], body: body, secret: Secret("k"))
    }

    @Test("a member that is there twice is no event: held under its digest when it was signed, and never read as one of the two")
    func twice() throws {
        let text = String(decoding: try example("payment").bytes, as: UTF8.self)
        for spoiled in [text.replacing(#""amount":"#, with: #""amount":"1.00","amount":"#), text.replacing(#""id":"#, with: #""id":"evt-0","id":"#)] {
            #expect(spoiled != text)
            let delivery = try #require(try signed(Array(spoiled.utf8)))
            #expect(delivery.topic == "unreadable" && delivery.content == nil)
            let record = RawRecord(topic: delivery.topic, deliveryID: delivery.deliveryID, body: Array(spoiled.utf8))
            let fault = #expect(throws: Fault.self) { try erp.normalize(record, facts()) }
            #expect(fault?.code == "malformed_json")
        }
    }

    @Test("what the check lets pass normalises, and what it refuses does not, however events are spoiled")
    func agree() throws {
        let names = ["invoice", "payment", "credit_note", "deposit", "register_closure", "sales_order"]
        var (taken, refused) = (0, 0)
        for seed in 1 ... 600 as ClosedRange<UInt64> {
            var chance = Seeded(seed)
            let event = Spoiled.of(try example(chance.pick(names)), &chance)
            let reading = erp.check(event, facts())
            #expect(reading.findings.isEmpty == (refusal(event) == nil), "seed \(seed)")
            if reading.findings.isEmpty { taken += 1 } else { refused += 1 }
        }
        #expect(taken > 50 && refused > 50, "\(taken) taken, \(refused) refused")
    }
}

/// A value with a few of its leaves replaced.
enum Spoiled {
    static func of(_ value: JSON, _ chance: inout Seeded) -> JSON {
        switch value {
        case .object(let members):
            var out: [(key: String, value: JSON)] = []
            for (key, value) in members where !chance.flip(150) { out.append((key, of(value, &chance))) }
            return .object(out)
        case .array(let elements):
            var out: [JSON] = []
            for element in elements { out.append(of(element, &chance)) }
            return .array(out)
        default: return chance.flip(60) ? chance.pick([.null, "", "0.00", "9999999999.9999", "-1", .number("3"), "JPY", "2026-11-12", .bool(true), [:]]) : value
        }
    }
}
