import Books
import Catalog
import ConnectorKit
import Kernel
import Testing
import Wire

@Suite("What keeps a write from happening twice")
struct IdempotencyTests {
    @Test("the key by which a platform is said to know a write again is in each that creates a document, in its place; where none is said, none is sent", arguments: ledgerIDs, forms)
    func nativeKey(id: String, form: PostingForm) throws {
        let it = try ledger(id)
        let calls = play(it.create([document(form, 7, at: id)], attempt: "a", try Specimen(id).facts), it) { _, _ in HTTPResponse(500) }.calls
        let write = try #require(calls.first { $0.kind == .write })
        let body = String(decoding: write.request.body, as: UTF8.self)
        switch it.spec.idempotency.nativeKey {
        case .header(let name)?: #expect(write.once != nil || write.request.fields[name]?.isEmpty == false)
        case .parameter(let name)?: #expect(write.request.target.contains("&\(name)=") || write.request.target.contains("?\(name)="))
        case .control(let name)?: #expect(body.contains("\(name)=\"\(key(7).text)"))
        case .field(let name)?: #expect(body.contains(name))
        case nil: #expect(write.once == nil && !"\(write.request.fields)".lowercased().contains("idempotency"))
        }
    }

    /// A field of the record itself is free again once the record is deleted.
    @Test("what a person has written anew, because the ledger has it no longer, goes under another key than the first: no platform takes it for that one", arguments: ledgerIDs, forms)
    func anew(id: String, form: PostingForm) throws {
        let it = try ledger(id), facts = try Specimen(id).facts
        func told(_ document: LedgerDocument, attempt: String) throws -> String? {
            let write = try #require(play(it.create([document], attempt: attempt, facts), it) { _, _ in HTTPResponse(500) }.calls.first { $0.kind == .write })
            switch it.spec.idempotency.nativeKey {
            case .header(let name)?: return write.once ?? write.request.fields[name]
            case .parameter(let name)?: return write.request.target.split(separator: "\(name)=").dropFirst().last.map(String.init)
            case .control: return String(decoding: write.request.body, as: UTF8.self).split(separator: "<function controlid=\"").dropFirst().first?.split(separator: "\"").first.map(String.init)
            case .field?, nil: return nil
            }
        }
        let first = document(form, 7, at: id)
        var released = first
        released.revision = 2
        let (before, after) = (try told(first, attempt: "a"), try told(released, attempt: "b"))
        switch it.spec.idempotency.nativeKey {
        case .field?, nil: #expect(before == nil && after == nil)
        default: #expect(before?.isEmpty == false && after?.isEmpty == false && before != after)
        }
    }

    @Test("what keeps a write from happening twice is told in words: a key of the platform's, a search, a list, a file")
    func means() throws {
        let list = try #require(Register.json.array)
        func told(_ id: String) -> JSON? { list.first { $0["id"]?.string == id }?["idempotency"] }
        for (id, means, place, name) in [
            ("xero", ["native_key", "search"], "header", "Idempotency-Key"), ("quickbooks-online", ["native_key", "search"], "parameter", "requestid"),
            ("sage-intacct", ["native_key", "search"], "control", "controlid"), ("netsuite-rest", ["native_key", "search"], "field", "externalId"),
            ("netsuite-suitetalk", ["native_key", "search"], "field", "externalId"), ("odoo", ["search"], nil, nil), ("sap-business-one", ["search"], nil, nil),
            ("freeagent", ["list"], nil, nil), ("patriot", ["file"], nil, nil), ("accountedge", ["file"], nil, nil), ("stripe", ["search"], nil, nil), ("square", [], nil, nil),
        ] as [(String, [String], String?, String?)] {
            let said = try #require(told(id))
            #expect(said["means"]?.array?.compactMap(\.string) == means, "\(id)")
            #expect(said["native_key"]?["in"]?.string == place && said["native_key"]?["name"]?.string == name, "\(id)")
            #expect(said["listed"]?.bool == means.contains("list"), "\(id)")
        }
        for id in fileIDs { #expect(told(id)?["means"]?.array?.compactMap(\.string) == ["file"], "\(id)") }
    }
}
