import Books
import Catalog
import ConnectorKit
import Kernel
import Testing
import Wire

/// People copy documents in a ledger, with all that stands in them, our key too.
@Suite("What a person made of our document by copying it")
struct CopyTests {
    /// Of which documents each specimen has rows of ours: key 1 at id 41 to key 5 at id 45, in the order of `forms`. The first is played as every form.
    ///
    /// What is left out, and why: of FreeAgent there are only invoices, because the vendor's samples of explanations and journal sets are of people's own
    /// entries; of Xero no credit notes, which are changed by their id and never looked for. SAP Business One's and Odoo's row is one for all kinds.
    private static let rows: [String: [Int]] = [
        "freeagent": [1], "odoo": [1], "quickbooks-online": [1, 2, 3, 4, 5], "sage-intacct": [1, 2, 3, 4, 5], "sap-business-one": [1], "xero": [1, 3, 5],
    ]

    /// Where a copy can't have our key, and why. A ledger that is neither here nor above fails.
    private static let unlike: [String: String] = [
        "netsuite-rest": "the key is the external id, of which NetSuite takes one among the records of a kind", "netsuite-suitetalk": "the same",
    ]

    /// An answer with a second row beside ours, of another id and else alike; `nil` where it has none of ours.
    private struct Copier {
        let key: PostKey
        let ours: String
        let other: String
        /// The copy stands before ours.
        let isFirst: Bool

        func copied(_ answer: HTTPResponse) -> HTTPResponse? {
            var out = answer
            if let json = try? JSON(parsing: answer.body) {
                let changed = copied(json)
                out.body = changed.bytes
                return changed == json ? nil : out
            }
            guard let xml = try? XMLElement(parsing: answer.body) else { return nil }
            let changed = copied(xml)
            out.body = changed.bytes
            return changed == xml ? nil : out
        }

        private func both<Row>(_ whole: Row, _ copy: Row?) -> [Row] { copy.map { isFirst ? [$0, whole] : [whole, $0] } ?? [whole] }

        private func copied(_ json: JSON) -> JSON {
            switch json {
            case .array(let elements): return .array(elements.flatMap { both(copied($0), $0.text.contains(key.text) ? renumbered($0) : nil) })
            case .object(let members): return .object(members.map { (key: $0.key, value: copied($0.value)) })
            default: return json
            }
        }

        /// `nil` for a row that does not have the id.
        private func renumbered(_ row: JSON) -> JSON? {
            var isOurs = false
            let members: [(key: String, value: JSON)] = (row.object ?? []).map { member in
                let said = member.value.string ?? member.value.text
                guard said == ours || said.hasSuffix("/\(ours)") else { return member }
                isOurs = true
                let changed = said.dropLast(ours.count) + other
                return (key: member.key, value: member.value.string == nil ? .number(String(changed)) : .string(String(changed)))
            }
            return isOurs ? .object(members) : nil
        }

        private func copied(_ element: XMLElement) -> XMLElement {
            var out = element
            out.children = element.children.flatMap { child -> [XMLElement] in
                guard child.children.contains(where: { $0.text.contains(key.text) }), child.children.contains(where: { $0.text == ours }) else { return [copied(child)] }
                var copy = child
                for i in copy.children.indices where copy.children[i].text == ours { copy.children[i].text = other }
                return both(child, copy)
            }
            let more = out.children.count - element.children.count
            for i in out.attributes.indices where more > 0 && ["count", "totalcount"].contains(out.attributes[i].name.local) {
                out.attributes[i].value = String((Int(out.attributes[i].value) ?? 0) + more)
            }
            return out
        }
    }

    @Test("a change and a void of a document that is known never write to another one that has its key", arguments: ledgerIDs)
    func copies(id: String) throws {
        let it = try ledger(id), specimen = try Specimen(id), other = remoteID(7_913, at: id)
        let numbers = Self.rows[id] ?? []
        #expect(numbers.isEmpty == (Self.unlike[id] != nil), "neither are there rows to copy nor is it said why there are none")
        var written = 0, touching: Set<String> = []
        for n in numbers {
            let ours = remoteID(40 + n, at: id)
            let made = [false, true].map { Copier(key: key(n), ours: ours, other: other, isFirst: $0) }
            let own = specimen.answers.filter { made[0].copied($0) != nil }
            #expect(!own.isEmpty, "the specimen has none of ours with key \(n) and id \(ours)")
            let copies = own.flatMap { answer in made.compactMap { $0.copied(answer) } }
            let near = copies + own + [HTTPResponse(204), HTTPResponse(404)], wide = copies + specimen.answers + [HTTPResponse(404)]
            for form in n == 1 ? PostingForm.allCases : [forms[n - 1]] {
                guard it.spec.objects.contains(where: { $0.carries.contains(form.rawValue) && $0.operations.contains(.update) }) else { continue }
                let gone = document(form, n, at: id, remote: true, effect: .void), changed = document(form, n, at: id, amount: 2_500, remote: true)
                for answers in [near, wide] {
                    let calls = reached(it.void(gone, attempt: "a", specimen.facts), it, answers, most: 400) + reached(it.update(changed, attempt: "a", specimen.facts), it, answers, most: 400)
                    for call in calls where call.kind == .write {
                        written += 1
                        let said = "\(form) \(n): \(call.request.method.rawValue) \(call.request.target) \(String(decoding: call.request.body, as: UTF8.self))"
                        if said.contains(other) { touching.insert(said) }
                    }
                }
            }
        }
        #expect(touching.isEmpty)
        #expect(written > 0 || numbers.isEmpty, "no conversation comes as far as a write")
    }
}
