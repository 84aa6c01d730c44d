internal import Kernel
internal import Wire

extension FuzzTarget {
    static func json(_ input: [UInt8]) -> Verdict {
        do throws(Fault) {
            let tree = try JSON(parsing: input)
            guard try JSON(parsing: tree.bytes) == tree else { return .broken("another document after writing and reading") }
            return .fine("read \(size(input.count))")
        } catch { return error.code == "malformed_json" ? .fine(error.summary) : .broken("fault \(error.code)") }
    }

    static func json5(_ input: [UInt8]) -> Verdict {
        let text = String(decoding: input, as: UTF8.self)
        let strict = try? JSON(parsing: Array(text.utf8))
        do throws(Fault) {
            let tree = try JSON(json5: text)
            if let strict, strict != tree { return .broken("JSON is read as something else") }
            guard try JSON(parsing: tree.bytes) == tree, try JSON(json5: tree.text) == tree else { return .broken("another document after writing and reading") }
            return .fine("read \(strict == nil ? "more than JSON" : "JSON") \(size(input.count))")
        } catch {
            if strict != nil { return .broken("JSON is refused: \(error.summary)") }
            return error.code == "malformed_json" ? .fine(error.summary) : .broken("fault \(error.code)")
        }
    }

    static func xml(_ input: [UInt8]) -> Verdict {
        do throws(Fault) {
            let element = try XMLElement(parsing: input)
            guard try XMLElement(parsing: element.bytes) == element else { return .broken("another document after writing and reading") }
            return .fine("read \(size(input.count))")
        } catch { return error.code == "malformed_xml" ? .fine(gist(error.summary)) : .broken("fault \(error.code)") }
    }

    static func csv(_ input: [UInt8]) -> Verdict {
        do throws(Fault) {
            let rows = try csvRows(input)
            var writer = CSVWriter()
            for row in rows { writer.row(row) }
            guard try csvRows(writer.bytes) == rows else { return .broken("another table after writing and reading") }
            return .fine("read \(min(4, rows.count)) \(min(4, rows.first?.count ?? 0))")
        } catch { return error.code == "malformed_csv" ? .fine(gist(error.summary)) : .broken("fault \(error.code)") }
    }

    private static func csvRows(_ bytes: [UInt8]) throws(Fault) -> [[String]] {
        var reader = CSVReader(bytes)
        var rows: [[String]] = []
        while let row = try reader.next() { rows.append(row) }
        return rows
    }

    /// The first line is a `Content-Type`, the rest a body under the boundary that it names, or under `b`.
    static func multipart(_ input: [UInt8]) -> Verdict {
        let line = input.prefix { $0 != 10 }
        let boundary = Multipart.boundary(of: String(decoding: line, as: UTF8.self)) ?? "b"
        do throws(Fault) {
            let parts = try Multipart.read(Array(input.dropFirst(line.count + 1)), boundary: boundary)
            let names = parts.filter { $0.name != nil || $0.filename != nil }.count
            // A body that holds the boundary somewhere within a line can be read, but not be written under the same one.
            guard let written = Multipart.write(parts, boundary: boundary) else { return .fine("read, not writable") }
            guard try Multipart.read(written, boundary: boundary) == parts else { return .broken("other parts after writing and reading") }
            return .fine("read \(min(4, parts.count)) \(min(2, names))")
        } catch { return error.code == "malformed_multipart" ? .fine(error.summary) : .broken("fault \(error.code)") }
    }

    static func form(_ input: [UInt8]) -> Verdict {
        let pairs = Form.decode(String(decoding: input, as: UTF8.self)), again = Form.decode(Form.encode(pairs))
        guard pairs.count == again.count, zip(pairs, again).allSatisfy({ isSame($0.name, $1.name) && isSame($0.value, $1.value) }) else {
            return .broken("other pairs after writing and reading")
        }
        let kinds = [pairs.contains { $0.name.isEmpty }, pairs.contains { $0.value.isEmpty }, pairs.contains { $0.value.contains("%") }, pairs.contains { $0.name.contains("\u{fffd}") }]
        return .fine("read \(size(pairs.count) / 2) \(kinds.map { $0 ? "1" : "0" }.joined())")
    }

    /// By bytes: texts that only look the same are not.
    private static func isSame(_ a: String, _ b: String) -> Bool { a.utf8.elementsEqual(b.utf8) }

    /// What kind of refusal it is: the names from the input that stand in the middle of the sentence are left out.
    private static func gist(_ summary: String) -> String {
        let words = summary.split { $0 == " " || $0 == ":" }
        return (words.dropFirst(5).prefix(3) + words.suffix(2)).filter { $0.utf8.allSatisfy { ($0 >= 97 && $0 <= 122) } }.joined(separator: " ")
    }
}
