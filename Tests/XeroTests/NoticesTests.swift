import ConnectorKit
import Crypto
import Kernel
import Testing
import Wire

@testable import Xero

private let secret = Secret("xero-webhook-key-1")

/// The samples of xero-webhooks.yaml in one body: two organisations, and both shapes of an event.
private let person =
    #"""
    {"resourceUrl":"https://api.xero.com/api.xro/2.0/Contacts/717f2bfc-c6d4-41fd-b238-3f2f0c0cf777"\#
    ,"resourceId":"717f2bfc-c6d4-41fd-b238-3f2f0c0cf777","eventDateUtc":"2024-06-21T01:15:39.902","eventType":"UPDATE","eventCategory":"CONTACT"\#
    ,"tenantId":"c2cc9b6e-9458-4c7d-93cc-f02b81b0594f","tenantType":"ORGANISATION"}
    """#
private let note =
    #"""
    {"resourceUrl":"https://api.xero.com/api.xro/2.0/CreditNotes/55d84274-a3da-4829-a7c0-0cab601b95cc"\#
    ,"resourceId":"55d84274-a3da-4829-a7c0-0cab601b95cc","tenantId":"aef86862-2015-4b6b-88bc-d89032cecc50","tenantType":"ORGANISATION"\#
    ,"eventCategory":"CREDITNOTE","eventType":"CREATE","eventDateUtc":"2025-12-02T00:44:09.923","data":{"Type":"ACCPAYCREDIT","Status":"DRAFT"}}
    """#
private let sequence = #","firstEventSequence":76,"lastEventSequence":77,"entropy":"FXNGWLCCGVANWHKILRUB"}"#
private let both = Array(#"{"events":[\#(person),\#(note)]\#(sequence)"#.utf8)
private let trial = Array(#"{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}"#.utf8)
/// Python's hmac and base64, not ours.
private let bothSigned = "5k3oykBepYfxjSCJmxOE06a8LtFum1IFnuW6yfHAkew="
private let trialSigned = "rPQG5Gh6WmYPmYdJeR98Ik7g1CKV3btwjVGFd7sOaWo="

private func read(_ body: [UInt8], _ signature: String, _ key: Secret = secret) throws(Fault) -> [LedgerNotice]? {
    try connector.notices(["x-xero-signature": signature], body: body, secret: key)
}

/// Of a genuine delivery, whatever is in it.
private func genuine(_ text: String) throws(Fault) -> [LedgerNotice]? {
    let body = Array(text.utf8)
    return try read(body, Base64.encode(HMAC.sha256(key: secret.reveal(), body)))
}

private func events(_ some: String...) -> String { #"{"events":[\#(some.joined(separator: ","))]\#(sequence)"# }

@Suite("Webhooks of Xero")
struct NoticesTests {
    @Test("events of several organisations are told apart, each with what changed and when")
    func several() throws {
        let told = try #require(try read(both, bothSigned))
        #expect(
            told == [
                LedgerNotice(
                    account: "c2cc9b6e-9458-4c7d-93cc-f02b81b0594f", object: "CONTACT", remoteID: "717f2bfc-c6d4-41fd-b238-3f2f0c0cf777", change: .updated,
                    at: Timestamp(rfc3339: "2024-06-21T01:15:39.902Z")),
                LedgerNotice(
                    account: facts.account, object: "CREDITNOTE", remoteID: "55d84274-a3da-4829-a7c0-0cab601b95cc", change: .created,
                    at: Timestamp(rfc3339: "2025-12-02T00:44:09.923Z")),
            ])
    }

    @Test("trying the address tells of nothing where it is signed right, and is refused where it is signed wrong")
    func trials() throws {
        #expect(try read(trial, trialSigned) == [])
        for wrong in [bothSigned, "", "x", String(trialSigned.dropLast()), trialSigned + "A", trialSigned.lowercased(), " " + trialSigned] {
            #expect(try read(trial, wrong) == nil, "\(wrong)")
        }
        #expect(try connector.notices([:], body: trial, secret: secret) == nil)
        // Two signatures: nobody knows which was meant.
        var twice: HTTPFields = ["x-xero-signature": trialSigned]
        twice.append("X-Xero-Signature", trialSigned)
        #expect(try connector.notices(twice, body: trial, secret: secret) == nil)
    }

    @Test("one byte more or less, another key or none make a delivery nobody's")
    func forged() throws {
        #expect(try read(both + [10], bothSigned) == nil)
        #expect(try read(Array(both.dropLast()), bothSigned) == nil)
        #expect(try read(both, bothSigned, Secret("xero-webhook-key-2")) == nil)
        #expect(try read([], Base64.encode(HMAC.sha256(key: Array("".utf8), [])), Secret("")) == nil)
    }

    @Test("of credit notes it is told that they were voided or deleted; what has another type is a change", arguments: [
        ("VOIDED", "UPDATE", LedgerNotice.Change.voided), ("DELETED", "UPDATE", .deleted), ("AUTHORISED", "UPDATE", .updated),
        ("DRAFT", "CREATE", .created), ("PAID", "REOPEN", .updated),
    ])
    func changes(_ status: String, _ type: String, _ change: LedgerNotice.Change) throws {
        let event = note.replacing("DRAFT", with: status).replacing("CREATE", with: type)
        #expect(try genuine(events(event))?.map(\.change) == [change])
    }

    @Test("what the app's own customers subscribe to is passed over")
    func subscriptions() throws {
        let other = #"{"resourceId":"1","tenantId":"app","tenantType":"APPLICATION","eventCategory":"SUBSCRIPTION","eventType":"UPDATE"}"#
        #expect(try genuine(events(other, person))?.map(\.object) == ["CONTACT"])
    }

    @Test(
        "a genuine delivery that can't be read is kept and told of",
        arguments: [
            "", "{}", "[]", #"{"events":null}"#, #"{"events":{}}"#, #"{"events":["#, events("{}"), events("null"),
            events(note.replacing("CREDITNOTE", with: "")), events(note.replacing(#""resourceId":"55"#, with: #""resourceId":"../55"#)),
            events(person, note.replacing(#""tenantId":"aef86862-"#, with: #""tenantId":""#)),
        ])
    func unreadable(_ text: String) throws {
        let fault = #expect(throws: Fault.self) { _ = try genuine(text) }
        #expect(fault?.code == "unreadable_notice" && fault?.disposition == .hold)
    }

    @Test("an event without a time is told without one")
    func undated() throws {
        #expect(try genuine(events(note.replacing("2025-12-02T00:44:09.923", with: "yesterday")))?.map(\.at) == [nil])
    }
}
