"""The first version of the users service: one route over one table."""

import json
import logging
import os

from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from werkzeug.serving import make_server

app = Flask(__name__)
app.config["SQLALCHEMY_DATABASE_URI"] = os.environ["DATABASE_URL"]
db = SQLAlchemy(app)


class User(db.Model):
    __tablename__ = "users"

    id = db.Column(db.Integer, primary_key=True)
    username = db.Column("name", db.String(80), unique=True, nullable=False)
    email = db.Column(db.String(120), unique=True)


@app.route("/users")
def users():
    return json.dumps([{"id": user.id, "name": user.username, "email": user.email} for user in User.query.all()])


if __name__ == "__main__":
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, app)
    print(server.port, flush=True)
    server.serve_forever()
