/// Markup built piece by piece: texts are always escaped, tags are always ours.
struct HTML: Sendable {
    private(set) var text = ""

    /// Markup of our own making.
    mutating func tag(_ raw: StaticString) { text += raw.description }

    /// Whatever came from outside.
    mutating func say(_ outside: String) { text += HTML.escaped(outside) }

    /// `<td>outside</td>`.
    mutating func cell(_ outside: String) {
        tag("<td>")
        say(outside)
        tag("</td>")
    }

    mutating func number(_ value: Int) { figure("\(value)") }

    /// A cell whose text lines up on the right.
    mutating func figure(_ outside: String) {
        tag("<td class=\"n\">")
        say(outside)
        tag("</td>")
    }

    /// A table with a caption and column heads; the rows are the caller's.
    mutating func table(_ caption: StaticString, _ heads: [String], _ rows: (inout HTML) -> Void) {
        tag("<table><caption>")
        tag(caption)
        tag("</caption><thead><tr>")
        for head in heads {
            tag("<th scope=\"col\">")
            say(head)
            tag("</th>")
        }
        tag("</tr></thead><tbody>")
        rows(&self)
        tag("</tbody></table>")
    }

    static func escaped(_ outside: String) -> String {
        var out = ""
        out.reserveCapacity(outside.utf8.count + 16)
        for scalar in outside.unicodeScalars {
            switch scalar {
            case "&": out += "&amp;"
            case "<": out += "&lt;"
            case ">": out += "&gt;"
            case "\"": out += "&quot;"
            case "'": out += "&#39;"
            case _ where scalar.value < 32 && scalar != "\n" && scalar != "\t": out += " "
            default: out.unicodeScalars.append(scalar)
            }
        }
        return out
    }
}
