import ConnectorKit
import Kernel
import Testing
import Wire

@Suite("Reading a source's records") struct FieldTests {
    private let rules = RecordRules(unreadable: "Look at it there.", unbalanced: "Fetch it again.", textCharacters: 5, parts: 2)

    private func field(_ text: String) throws -> Field { Field(try JSONDocument(parsing: Array(text.utf8)).root, of: "order 7", rules) }

    private func refusal<Value>(_ read: () throws(Fault) -> Value) -> Fault? {
        do throws(Fault) {
            _ = try read()
            return nil
        } catch { return error }
    }

    @Test("what is missing is named by its way through the record, with where to look")
    func named() throws {
        let lines = try field(#"{"order":{"lines":[{"sku":"A"},{"sku":5}]}}"#)["order"]["lines"].list()
        let fault = try #require(refusal { () throws(Fault) in try lines[1]["sku"].text() })
        #expect(fault.code == "unreadable_record" && fault.disposition == .hold)
        #expect(fault.summary == "order.lines[1].sku of order 7 is not a text")
        #expect(fault.remedy == "Look at it there." && fault.position == "order.lines[1].sku")
        #expect(refusal { () throws(Fault) in try lines[0]["sku"]["deep"].object() }?.position == "order.lines[0].sku.deep")
    }

    @Test("the record itself has no way to it, and is called so")
    func whole() throws {
        let list = try field("[]")
        let fault = try #require(refusal { () throws(Fault) in try list.object() })
        #expect(fault.summary == "the record of order 7 is not an object" && fault.position == "record")
        #expect(try field("{}").object().named("order 8").unreadable("x").summary == "the record of order 8 is not x")
        #expect(try field(#"{"a":{}}"#)["a"].named("refund 9").unreadable("x").summary == "a of refund 9 is not x")
    }

    @Test("sums that do not agree are the record's fault, and have a remedy of their own")
    func unbalanced() throws {
        let fault = try field(#"{"total":1}"#)["total"].unbalanced("its lines come to 2")
        #expect(fault.code == "unbalanced_record" && fault.summary == "order 7: its lines come to 2")
        #expect(fault.remedy == "Fetch it again." && fault.position == "total" && fault.disposition == .hold)
    }

    @Test("texts are texts of JSON, cut to the longest that is kept; null and empty are none")
    func texts() throws {
        let root = try field(#"{"a":"Mug","long":"Teapots","none":null,"empty":"","number":5}"#)
        #expect(try root["a"].text() == "Mug" && root["long"].text() == "Teapo" && root["empty"].text() == "")
        #expect(try root["none"].optionalText() == nil && root["empty"].optionalText() == nil && root["absent"].optionalText() == nil)
        #expect(try root["a"].optionalText() == "Mug")
        #expect(refusal { () throws(Fault) in try root["number"].optionalText() } != nil)
        #expect(refusal { () throws(Fault) in try root["none"].text() } != nil)
        #expect(try root["none"].or(root["a"]).text() == "Mug" && root["a"].or(root["long"]).text() == "Mug")
    }

    @Test("a list holds objects alone, and no more than are read; absent means none")
    func lists() throws {
        let root = try field(#"{"two":[{"n":"a"},{"n":"b"}],"three":[{},{},{}],"words":["a"],"none":null,"text":"a","object":{}}"#)
        #expect(try root["two"].each { item throws(Fault) in try item["n"].text() } == ["a", "b"])
        #expect(try root["none"].list().isEmpty && root["absent"].list().isEmpty)
        #expect(refusal { () throws(Fault) in try root["three"].list() }?.summary == "three of order 7 is not a list of at most 2 entries")
        #expect(try root["three"].list(most: 3).count == 3)
        #expect(refusal { () throws(Fault) in try root["words"].list() }?.position == "words[0]")
        for name in ["text", "object"] as [StaticString] { #expect(refusal { () throws(Fault) in try root[name].list() }?.summary == "\(name) of order 7 is not a list") }
        #expect(refusal { () throws(Fault) in try root["two"].each { item throws(Fault) in try item["x"].text() } }?.position == "two[0].x")
    }
}
